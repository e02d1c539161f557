import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { MasklineError } from "../../../src/errors.ts";
import { sqsServers } from "../../engines/sqs-servers.ts";
import { openTestQueue } from "../../harness/queues.ts";

test("every SQS server has its file, with all that a source must do", async () => {
  const files = readdirSync(import.meta.dirname).filter((name) => /^source-on-.*\.test\.ts$/.test(name));
  const tried = files.map(
    (name) => /^await sourceSuite\("(.*)"\);$/m.exec(readFileSync(path.join(import.meta.dirname, name), "utf8"))?.[1],
  );
  assert.deepEqual(tried.sort(), (await sqsServers()).map(({ name }) => name).sort());
});

test("an unreachable queue is an outage, told in a line", async () => {
  const queue = openTestQueue("http://127.0.0.1:1/000000000000/login-queue", "auto");
  try {
    await assert.rejects(
      queue.facts(),
      (error) => error instanceof MasklineError && error.code === "queue_unreachable" && error.retryable,
    );
  } finally {
    queue.close();
  }
});
