import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { type ReceiptKey, receiptInsert } from "../../src/postgres/receipts.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { connect, countRows, loginSinkOn, makeBatch, makeDelivery, makeRows, openLoginSink } from "../harness/login-table.ts";
import { plainClient } from "./databases.ts";

const connections = 6;
const messages = 400;
const rounds = 12;
/** The control has shown one in each of its first rounds so far; it is given many more. */
const mostRounds = 100;
const isDeadlock = (error: unknown): boolean => error instanceof MasklineError && / SQLSTATE 40P01/.test(error.message);

for (const engine of postgresServers()) {
  suite(`the order of receipts on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    let admin: pg.Client;
    before(async () => {
      // a deadlock is looked for after this time of waiting
      server = await engine.start({ settings: { deadlock_timeout: "20ms" } });
      database = connect(server.url, connections);
      admin = await plainClient(server.url);
    });
    after(async () => {
      await admin?.end();
      await database?.close();
      await server?.stop();
    });

    for (const receipts of ["sent", "id"] as const) {
      test(`batches that overlap in any order load side by side without a deadlock, each message once (${receipts})`, async () => {
        await openLoginSink(database, "maskline", "", receipts);
        const sinks = await Promise.all(
          Array.from({ length: connections }, () => loginSinkOn(database, "maskline", { receiptKey: receipts })),
        );
        for (let round = 0; round < rounds; round += 1) {
          const deliveries = Array.from({ length: messages }, () => makeDelivery());
          const loads = sinks.map((sink, lane) =>
            sink.load(makeBatch(makeRows(overlapping(deliveries, lane)), [], { lane, sequence: round + 1 })),
          );
          // a deadlock would be thrown: nothing is tried again below a lane
          await Promise.all(loads);
        }
        assert.equal(await countRows(database, "user_logins"), rounds * messages);
      });

      test(`that would fail if receipts were written as they come (${receipts})`, async () => {
        await openLoginSink(database);
        let deadlocks = 0;
        for (let round = 0; round < mostRounds && deadlocks === 0; round += 1) {
          const deliveries = Array.from({ length: messages }, () => makeDelivery());
          const inserts = Array.from({ length: connections }, (_, lane) =>
            insert(receipts, overlapping(deliveries, lane), unsorted),
          );
          const settled = await Promise.allSettled(inserts);
          deadlocks += settled.filter((one) => one.status === "rejected" && isDeadlock(one.reason)).length;
        }
        assert.ok(deadlocks > 0, `no deadlock in ${mostRounds} rounds`);
      });
    }

    /** The receipts of a load, by themselves. */
    async function insert(receipts: ReceiptKey, deliveries: readonly Delivery[], change: (sql: string) => string): Promise<void> {
      const arriving =
        "SELECT sent_at, id, 'loaded' AS outcome FROM unnest($2::timestamptz[], $3::text[]) AS arriving (sent_at, id)";
      const sql = change(receiptInsert("maskline", receipts, arriving));
      await database.query("inserting", sql, [
        1,
        deliveries.map(({ sentAtMs }) => new Date(sentAtMs ?? 0).toISOString()),
        deliveries.map(({ id }) => id),
      ]);
    }
  });
}

function unsorted(sql: string): string {
  const changed = sql.replace(/\n\s*ORDER BY [^\n]*/, "");
  assert.notEqual(changed, sql);
  return changed;
}

/** Most of the messages, each lane in an order of its own, every second one backwards. */
function overlapping(deliveries: readonly Delivery[], lane: number): readonly Delivery[] {
  const from = lane * 10;
  const turned = [...deliveries.slice(from), ...deliveries.slice(0, from / 2)];
  return lane % 2 === 0 ? turned : turned.toReversed();
}
