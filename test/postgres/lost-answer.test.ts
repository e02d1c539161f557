import assert from "node:assert/strict";
import net, { type AddressInfo } from "node:net";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { readAccounts } from "../../src/postgres/ledger.ts";
import { connect, countRows, makeBatch, makeDelivery, makeRows, openLoginSink, outcomesOf } from "../harness/login-table.ts";

/** A way to a database that cuts the connection at one statement: before the server sees it, or after the server has answered. */
interface CuttingProxy {
  readonly url: string;
  cutAt(statement: string, when: "before" | "after"): void;
  close(): Promise<void>;
}

async function startCuttingProxy(databaseUrl: string): Promise<CuttingProxy> {
  const target = new URL(databaseUrl);
  let cut: { readonly statement: string; readonly when: "before" | "after" } | null = null;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((client) => {
    const upstream = net.connect(Number(target.port), target.hostname);
    let cutting = false;
    for (const socket of [client, upstream]) sockets.add(socket.on("error", () => {}));
    client.on("data", (data) => {
      if (cut !== null && data.includes(cut.statement)) {
        cutting = true;
        if (cut.when === "before") {
          cut = null;
          client.destroy();
          upstream.destroy();
          return;
        }
        cut = null;
      }
      upstream.write(data);
    });
    upstream.on("data", (data) => {
      if (!cutting) return client.write(data);
      // the server has done it and said so; nobody hears
      client.destroy();
      return upstream.destroy();
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cutAt: (statement, when) => (cut = { statement, when }),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

suite("a COMMIT whose answer is lost", () => {
  let server: PostgresServer;
  let proxy: CuttingProxy;
  let database: Database;
  before(async () => {
    server = await startPostgres();
    proxy = await startCuttingProxy(server.url);
    database = connect(proxy.url);
  });
  after(async () => {
    await database?.close();
    await proxy?.close();
    await server?.stop();
  });

  test("is looked up: what is durable is settled as such, with the ledger's counts", async () => {
    const sink = await openLoginSink(database);
    const [first, ...others] = Array.from({ length: 10 }, () => makeDelivery());
    assert.ok(first);
    await sink.load(makeBatch(makeRows([first])));
    proxy.cutAt("COMMIT\0", "after");
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
    proxy.cutAt("COMMIT\0", "after");
    const settlements = await sink.load({ ...makeBatch({ ...rows, columns }), heldBack });
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
    proxy.cutAt("COMMIT\0", "before");
    const load = sink.load(makeBatch(makeRows([makeDelivery(), makeDelivery()])));
    await assert.rejects(
      load,
      (error) => error instanceof MasklineError && error.code === "database_unreachable" && error.retryable,
    );
    assert.equal(await countRows(database, "user_logins"), 0);
    assert.equal(await countRows(database, "maskline.receipt"), 0);
  });
});
