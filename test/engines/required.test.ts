import assert from "node:assert/strict";
import { test } from "node:test";

import { isInstalled, notInstalled } from "./engine-process.ts";
import { pgbouncerMissing } from "./pgbouncer.ts";
import { postgresServers } from "./postgres-servers.ts";
import { sqsServers } from "./sqs-servers.ts";
import { tinks } from "./tink.ts";

const required = process.env["REQUIRE_ENGINES"] === "1";

test(
  "every engine is here",
  { skip: required ? false : "needed where REQUIRE_ENGINES=1 (.ci/run); elsewhere tests without their engine are skipped" },
  async () => {
    const engines = [...(await sqsServers()), ...postgresServers()].map(({ name, missing }) => ({ name, missing }));
    engines.push({ name: "pgbouncer", missing: pgbouncerMissing }, ...tinks.map(({ name, missing }) => ({ name, missing })));
    engines.push({ name: "bench-python", missing: isInstalled("bench-python") ? null : notInstalled("bench-python") });
    assert.deepEqual(
      engines.filter(({ missing }) => missing !== null),
      [],
    );
  },
);
