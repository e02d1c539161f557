import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { closeSealing } from "../../src/postgres/ring-keys.ts";
import { firstSealedAtMs, noteSealingTimes, readSealingTimes, type SealingTime } from "../../src/postgres/sealing-times.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { loginOf, VaultTable } from "../harness/vault-table.ts";

for (const { name, missing, start } of postgresServers()) {
  suite(`the times of sealing keys on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let table: VaultTable;
    before(async () => {
      server = await start();
      table = await VaultTable.create(server);
    });
    after(async () => {
      await table?.close();
      await server?.stop();
    });

    test("are kept to the millisecond, of one ring, and stay where a key is closed", async () => {
      const { database } = table;
      const [early, late] = [Date.parse("2030-01-31T23:59:59.999Z"), Date.parse("2030-02-01T00:00:00.001Z")];
      const times = async (): Promise<readonly SealingTime[]> =>
        (await readSealingTimes(database, "maskline", 7)).toSorted((one, other) => one.id - other.id);
      await noteSealingTimes(database, "maskline", 7, [1, 4_294_967_295], early);
      await noteSealingTimes(database, "maskline", 8, [1], late);
      assert.deepEqual(await times(), [
        { id: 1, atMs: early, closed: false },
        { id: 4_294_967_295, atMs: early, closed: false },
      ]);
      await closeSealing(database, "maskline", 7, 1);
      const [closed] = await times();
      assert.equal(closed?.closed, true);
      await noteSealingTimes(database, "maskline", 7, [1, 4_294_967_295], late);
      assert.deepEqual(await times(), [closed, { id: 4_294_967_295, atMs: late, closed: false }]);
    });

    test("begin with the first month that the vault has an original of", async () => {
      const { database } = table;
      const id = table.ring.sealing[0]?.id ?? 0;
      assert.equal(await firstSealedAtMs(database, "maskline", id), null);
      await (await table.loader()).load([loginOf("ann", "203.0.113.1"), loginOf("ann", "203.0.113.2")]);
      await database.query("as if", "UPDATE maskline.vault SET epoch = '2030-03-01'");
      await database.query(
        "as if",
        "UPDATE maskline.vault SET epoch = '2030-02-01' WHERE token = (SELECT min(token) FROM maskline.vault)",
      );
      assert.equal(await firstSealedAtMs(database, "maskline", id), Date.parse("2030-02-01T00:00:00Z"));
      assert.equal(await firstSealedAtMs(database, "maskline", (id ^ 1) >>> 0), null);
    });
  });
}
