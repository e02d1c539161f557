import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { Fault, Reason } from "../../../src/contract/fault.ts";
import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import type { Database } from "../../../src/postgres/database.ts";
import { listQuarantine } from "../../../src/postgres/quarantine.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { connect, makeBatch, makeDelivery, makeRows, openLoginSink } from "../../harness/login-table.ts";

function fault(reason: Reason, path: string): Fault {
  return { reason, path, expected: "something", found: "nothing" };
}

for (const { name, missing, start } of postgresServers()) {
  suite(`the list of the quarantine on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await start();
      database = connect(server.url);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    test("has a line for each reason and field of the first fault, with how many, first and last seen, the most frequent first", async () => {
      const sink = await openLoginSink(database);
      const refusals: readonly (readonly [id: string, faults: readonly Fault[], day: number])[] = [
        ["a", [fault("missing", "ip")], 3],
        ["b", [fault("missing", "ip"), fault("too_long", "locale")], 1],
        ["c", [fault("missing", "ip")], 2],
        ["d", [fault("missing", "user_id")], 4],
        ["e", [fault("not_json", "")], 5],
        ["f", [fault("missing", "user_id"), fault("missing", "ip")], 6],
      ];
      await sink.load(
        makeBatch(
          makeRows([]),
          refusals.map(([id, faults]) => ({ delivery: makeDelivery({ id }), id, faults })),
        ),
      );
      for (const [id, , day] of refusals) {
        await database.query("ageing", "UPDATE maskline.quarantine SET quarantined_at = $2 WHERE id = $1", [id, on(day)]);
      }
      const group = (reason: Reason, path: string, messages: number, first: number, last: number, exampleId: string): unknown => ({
        reason,
        path,
        messages,
        firstAt: on(first),
        lastAt: on(last),
        exampleId,
      });
      assert.deepEqual(await listQuarantine(database, "maskline", "public.user_logins"), [
        group("missing", "ip", 3, 1, 3, "a"),
        group("missing", "user_id", 2, 4, 6, "d"),
        group("not_json", "", 1, 5, 5, "e"),
      ]);
      assert.deepEqual(await listQuarantine(database, "maskline", "public.user_logins", on(3)), [
        group("missing", "user_id", 2, 4, 6, "d"),
        group("missing", "ip", 1, 3, 3, "a"),
        group("not_json", "", 1, 5, 5, "e"),
      ]);
      assert.deepEqual(await listQuarantine(database, "maskline", "another"), []);
    });
  });
}

function on(day: number): Date {
  return new Date(Date.UTC(2026, 0, day));
}
