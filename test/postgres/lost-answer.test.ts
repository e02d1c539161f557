import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import { type FaultProxy, type Moment, startFaultProxy } from "../chaos/fault-proxy.ts";
import {
  connect,
  countRows,
  makeBatch,
  makeDelivery,
  makeRows,
  openLoginSink,
  outcomesOf,
  rowsOf,
} from "../harness/login-table.ts";

/** The next time this moment comes, the connection is cut there. */
function cutOnceAt(proxy: FaultProxy, kind: Moment["kind"]): void {
  proxy.onMoment(async (moment) => {
    if (moment.kind !== kind) return "forward";
    proxy.onMoment(null);
    return "cut";
  });
}

suite("a COMMIT whose answer is lost", () => {
  let server: PostgresServer;
  let proxy: FaultProxy;
  let database: Database;
  before(async () => {
    server = await startPostgres();
    const url = new URL(server.url);
    proxy = await startFaultProxy({ target: { host: url.hostname, port: Number(url.port) }, seed: 1, protocol: "postgres" });
    url.port = String(proxy.port);
    database = connect(url.href);
  });
  after(async () => {
    await database?.close();
    await proxy?.stop();
    await server?.stop();
  });

  test("is looked up: what is durable is settled as such, with the ledger's counts", async () => {
    const sink = await openLoginSink(database);
    const [first, ...others] = Array.from({ length: 10 }, () => makeDelivery());
    assert.ok(first);
    await sink.load(makeBatch(makeRows([first])));
    cutOnceAt(proxy, "after_commit");
    const fault = { reason: "missing", path: "ip", expected: "text", found: "absent" } as const;
    const settlements = await sink.load(
      makeBatch(makeRows([first, ...others]), [{ delivery: makeDelivery(), id: "refused", faults: [fault] }], {
        sequence: 2,
        received: 12,
      }),
    );
    assert.deepEqual(outcomesOf(settlements), { loaded: 9, duplicate: 1, quarantined: 1 });
    assert.equal(await countRows(database, "user_logins"), 10);
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual([account?.loaded, account?.duplicate, account?.quarantined, account?.difference], [10, 1, 1, 0]);
  });

  test("is looked up by receipts where messages are held back: what went back is not taken for loaded", async () => {
    const check = "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type <> 'toaster')";
    const sink = await openLoginSink(database, "maskline", check);
    const deliveries = Array.from({ length: 5 }, () => makeDelivery());
    const rows = makeRows(deliveries);
    const columns = rows.columns.map((column, index) => (index === 1 ? ["ios", "ios", "toaster", "ios", "ios"] : column));
    const heldBack = (refused: readonly Delivery[]): readonly Delivery[] =>
      deliveries.slice(Math.min(...refused.map((delivery) => deliveries.indexOf(delivery))));
    cutOnceAt(proxy, "after_commit");
    const settlements = await sink.load({ ...makeBatch(rowsOf(rows.deliveries, columns)), heldBack });
    assert.deepEqual(
      deliveries.map((delivery) => settlements.find((settlement) => settlement.delivery === delivery)?.outcome),
      ["loaded", "loaded", "returned", "returned", "returned"],
    );
    assert.equal(await countRows(database, "maskline.receipt"), 2);
    const [account] = await readAccounts(database, "maskline", null, 1);
    assert.deepEqual([account?.loaded, account?.returned, account?.difference], [2, 3, 0]);
  });

  test("that never reached the server is an outage: nothing is durable, nothing is settled", async () => {
    const sink = await openLoginSink(database);
    cutOnceAt(proxy, "before_commit");
    const load = sink.load(makeBatch(makeRows([makeDelivery(), makeDelivery()])));
    await assert.rejects(
      load,
      (error) => error instanceof MasklineError && error.code === "database_unreachable" && error.retryable,
    );
    assert.equal(await countRows(database, "user_logins"), 0);
    assert.equal(await countRows(database, "maskline.receipt"), 0);
  });
});
