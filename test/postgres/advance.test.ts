import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Advance, Batch, Delivery, Refusal, Settlement, Sink } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import { findRefusedRows, type RefusedRowSearch } from "../../src/postgres/refused-rows.ts";
import { startFaultProxy } from "../chaos/fault-proxy.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import {
  connect,
  countRows,
  loginSinkOn,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";

type Loads = (batch: Batch) => Promise<readonly Settlement[]>;

let runs = 0;

/** Of a file: rows have no ids of their own. */
function step(
  advance: Advance,
  deliveries: readonly Delivery[],
  refused: readonly Refusal[] = [],
  values: Parameters<typeof makeRows>[1] = {},
): Batch {
  runs += 1;
  const run = `6a1f7c1e-0000-4000-8000-${String(runs).padStart(12, "0")}`;
  const batch = makeBatch({ ...makeRows(deliveries, values), ids: [] }, refused, { run });
  return { ...batch, advance };
}

function some(count: number): Delivery[] {
  return Array.from({ length: count }, () => makeDelivery({ sentAtMs: null }));
}

function refusalOf(delivery: Delivery): Refusal {
  return { delivery, id: delivery.id, faults: [{ reason: "missing", path: "ip", expected: "text", found: "absent" }] };
}

const isMoved = (error: unknown): boolean => error instanceof MasklineError && error.code === "position_moved";
const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))";

async function placeOf(database: Database, stream: string): Promise<number | null> {
  const [found] = await database.query<{ next: number }>(
    "looking",
    "SELECT next::int AS next FROM maskline.position WHERE stream = $1",
    [stream],
  );
  return found?.next ?? null;
}

for (const engine of postgresServers()) {
  suite(`steps of a stream on ${engine.name}`, { skip: engine.missing ?? false }, () => {
    let server: PostgresServer;
    let database: Database;
    before(async () => {
      server = await engine.start();
      database = connect(server.url, 4);
    });
    after(async () => {
      await database?.close();
      await server?.stop();
    });

    // few go by a statement, many by COPY
    for (const count of [3, 200]) {
      test(`${count} rows are loaded with their step, without receipts, and settled`, async () => {
        const sink = await openLoginSink(database);
        const [first, second, bad] = [some(count), some(count), some(2)];
        assert.deepEqual(outcomesOf(await sink.load(step({ stream: "a", from: 0, to: 700 }, first))), { loaded: count });
        const settlements = await sink.load(step({ stream: "a", from: 700, to: 1_500 }, second, bad.map(refusalOf)));
        assert.deepEqual(outcomesOf(settlements), { loaded: count, quarantined: 2 });
        assert.deepEqual(
          settlements.map(({ delivery }) => delivery),
          [...second, ...bad],
        );
        assert.equal(await placeOf(database, "a"), 1_500);
        assert.equal(await countRows(database, "maskline.receipt"), 0);
        assert.equal(await countRows(database, "maskline.quarantine"), 2);
        const rows = await database.query<{ user_id: string }>("reading", "SELECT user_id FROM user_logins ORDER BY ctid");
        assert.deepEqual(
          rows.map(({ user_id }) => user_id),
          [...first, ...second].map(({ id }) => id),
        );
        const accounts = await readAccounts(database, "maskline", null, 2);
        assert.deepEqual(accounts.map(({ loaded, quarantined, difference }) => [loaded, quarantined, difference]).sort(), [
          [count, 0, 0],
          [count, 2, 0],
        ]);
      });

      test(`a step of ${count} rows that has been made has no effect: it is position_moved`, async () => {
        const sink = await openLoginSink(database);
        await sink.load(step({ stream: "a", from: 0, to: 700 }, some(count)));
        for (const [from, to] of [
          [0, 700],
          [0, 900],
          [699, 900],
          [701, 900],
        ] as const) {
          await assert.rejects(sink.load(step({ stream: "a", from, to }, some(count), some(1).map(refusalOf))), isMoved);
        }
        assert.equal(await placeOf(database, "a"), 700);
        assert.equal(await countRows(database, "user_logins"), count);
        assert.equal(await countRows(database, "maskline.quarantine"), 0);
        assert.equal(await countRows(database, "maskline.ledger"), 1);
        await sink.load(step({ stream: "b", from: 0, to: 700 }, some(count)));
        assert.equal(await countRows(database, "user_logins"), 2 * count, "another stream has places of its own");
      });

      test(`of loads of the same step side by side one stays (${count} rows)`, async () => {
        await openLoginSink(database);
        await loadsOnce(count, async () => {
          const sink = await loginSinkOn(database);
          return (batch) => sink.load(batch);
        });
      });

      test(`that would be seen if places were moved without looking at them (${count} rows)`, async () => {
        await openLoginSink(database);
        const careless = async (): Promise<Loads> => {
          const sink: Sink = await loginSinkOn(database);
          return async (batch) => {
            for (;;) {
              const from = (await placeOf(database, "a")) ?? 0;
              try {
                return await sink.load({ ...batch, advance: { stream: "a", from, to: from + 1 } });
              } catch (error) {
                if (!isMoved(error)) throw error;
              }
            }
          };
        };
        await assert.rejects(loadsOnce(count, careless), assert.AssertionError);
      });
    }

    async function loadsOnce(count: number, open: () => Promise<Loads>): Promise<void> {
      const processes = await Promise.all([open(), open(), open()]);
      for (let round = 0; round < 4; round += 1) {
        const advance = { stream: "a", from: round * 100, to: round * 100 + 100 };
        const deliveries = some(count);
        const loads = await Promise.allSettled(processes.map((load) => load(step(advance, deliveries))));
        const lost = loads.filter(({ status }) => status === "rejected");
        assert.deepEqual([lost.length, lost.every((load) => load.status === "rejected" && isMoved(load.reason))], [2, true]);
        assert.equal(await countRows(database, "user_logins"), (round + 1) * count);
      }
    }

    for (const count of [5, 300]) {
      test(`of ${count} rows those that the database refuses are quarantined by the ids of their deliveries, the others loaded`, async () => {
        const sink = await openLoginSink(database, "maskline", check);
        for (let batch = 0; batch < 3; batch += 1) {
          const deliveries = some(count);
          const made = step({ stream: "a", from: batch, to: batch + 1 }, deliveries);
          const types = deliveries.map((_, row) => (row % 50 === 3 ? "toaster" : "ios"));
          const columns = made.rows.columns.map((column, index) => (index === 1 ? types : column));
          const settlements = await sink.load({ ...made, rows: { ...rowsOf(deliveries, columns), ids: [] } });
          const refused = deliveries.filter((_, row) => types[row] === "toaster").map(({ id }) => id);
          const quarantined = settlements.filter(({ outcome }) => outcome === "quarantined").map(({ delivery }) => delivery.id);
          assert.deepEqual(quarantined, refused);
          const rows = await database.query<{ id: string }>("reading", "SELECT id FROM maskline.quarantine");
          assert.deepEqual(
            refused.filter((id) => !rows.some((row) => row.id === id)),
            [],
          );
          assert.equal(await countRows(database, "user_logins"), (batch + 1) * (count - refused.length));
        }
        assert.equal(await placeOf(database, "a"), 3);
      });
    }

    test("rows that someone else has loaded while this one looked for refused ones have moved, and are no misfit of the table", async () => {
      const plain = await openLoginSink(database, "maskline", `${check}; CREATE UNIQUE INDEX one_user ON user_logins (user_id)`);
      const deliveries = some(5);
      const made = step({ stream: "a", from: 0, to: 1 }, deliveries);
      // two of one user, and one of an unknown device
      const users = deliveries.map(({ id }, row) => (row === 4 ? (deliveries[2]?.id ?? "") : id));
      const types = deliveries.map((_, row) => (row === 3 ? "toaster" : "ios"));
      const columns = made.rows.columns.map((column, index) => (index === 0 ? users : index === 1 ? types : column));
      const rows = { ...rowsOf(deliveries, columns), ids: [] };
      let searches = 0;
      const search: RefusedRowSearch = async (...asked) => {
        searches += 1;
        if (searches === 2) await plain.load({ ...step({ stream: "a", from: 0, to: 1 }, deliveries), rows });
        const found = await findRefusedRows(...asked);
        // rows that clash with each other may be left for another search
        return searches === 1 ? { ...found, refused: found.refused.filter(({ place }) => place === 3) } : found;
      };
      const late = await loginSinkOn(database, "maskline", { search });
      await assert.rejects(late.load({ ...made, rows }), isMoved);
      assert.deepEqual([searches, await countRows(database, "user_logins")], [2, 3]);
    });
  });
}

suite("a step whose COMMIT is in doubt", () => {
  for (const [kind, title] of [
    ["after_commit", "is looked up when it is durable"],
    ["before_commit", "is an outage when it is not, and can be made again"],
  ] as const) {
    test(title, async () => {
      const server = await startPostgres();
      const url = new URL(server.url);
      const proxy = await startFaultProxy({
        target: { host: url.hostname, port: Number(url.port) },
        seed: 1,
        protocol: "postgres",
      });
      url.port = String(proxy.port);
      const database = connect(url.href);
      try {
        const sink = await openLoginSink(database);
        proxy.onMoment(async (moment) => {
          if (moment.kind !== kind) return "forward";
          proxy.onMoment(null);
          return "cut";
        });
        const batch = step({ stream: "a", from: 0, to: 9 }, some(200), some(1).map(refusalOf));
        if (kind === "before_commit") {
          await assert.rejects(sink.load(batch), { code: "database_unreachable" });
          assert.equal(await placeOf(database, "a"), null);
        }
        assert.deepEqual(outcomesOf(await sink.load(batch)), { loaded: 200, quarantined: 1 });
        assert.equal(await placeOf(database, "a"), 9);
        assert.equal(await countRows(database, "user_logins"), 200);
        // a new process does not know of it: the place does
        await assert.rejects((await loginSinkOn(database)).load(step({ stream: "a", from: 0, to: 9 }, some(3))), isMoved);
        // the process that made it, and has not heard of it until now, finds it in its ledger
        assert.deepEqual(outcomesOf(await (await loginSinkOn(database)).load(batch)), { loaded: 200, quarantined: 1 });
        assert.equal(await countRows(database, "user_logins"), 200);
      } finally {
        await database.close();
        await proxy.stop();
        await server.stop();
      }
    });
  }
});
