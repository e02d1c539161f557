import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { openPlace, revealablePlace } from "../../src/app/recovery/recoverable.ts";
import { openVault } from "../../src/app/recovery/vault-opener.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { openSealingContext } from "../../src/keys/sealing.ts";
import { vaultPlace } from "../../src/pipeline/vault.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { outcomesOf } from "../harness/login-table.ts";
import { refused } from "../harness/refused.ts";
import { deliveryOf, loginOf, VaultTable } from "../harness/vault-table.ts";
import { dumpTables } from "./databases.ts";

for (const { name, missing, start } of postgresServers()) {
  suite(`the vault on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    const inTable = async (work: (table: VaultTable) => Promise<void>): Promise<void> => {
      const table = await VaultTable.create(server);
      try {
        await work(table);
      } finally {
        await table.close();
      }
    };

    test("a load keeps each original once, linked to everyone whose it is, and the ring opens it", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        const settlements = await loader.load([
          loginOf("ann", "203.0.113.77", "phone"),
          loginOf("bob", "203.0.113.77"),
          loginOf("ann", "198.51.100.4", "phone"),
        ]);
        assert.deepEqual(outcomesOf(settlements), { loaded: 3 });
        assert.equal(await table.count("maskline.vault"), 3);
        assert.equal(await table.count("maskline.vault_link"), 4);
        await loader.load([loginOf("bob", "203.0.113.77", "phone")]);
        assert.equal(await table.count("maskline.vault"), 3, "nothing new was seen");
        assert.equal(await table.count("maskline.vault_link"), 5);
        const opener = openVault(table.database, "maskline", table.ring, { domain: "login.ip" });
        const tokens = await table.tokensOf("ann");
        const opened = await opener.open([...tokens, "nobody's\0"]);
        assert.deepEqual(opened.map((one) => ("value" in one ? one.value : one.failure)).toSorted(), [
          "198.51.100.4",
          "203.0.113.77",
          "no_original",
        ]);
      }));

    test("a large batch goes by COPY, and brings its originals all the same", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        const bodies = Array.from({ length: 400 }, (_, index) => loginOf(`user ${index % 40}`, `203.0.113.${index % 100}`));
        assert.deepEqual(outcomesOf(await loader.load(bodies)), { loaded: 400 });
        assert.equal(await table.count("maskline.vault"), 100);
        assert.equal(await table.count("maskline.vault_link"), 200);
      }));

    test("an original opens in its own place only, and not without the private key", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.77", "phone"), loginOf("bob", "198.51.100.4")]);
        const [token = ""] = await table.tokensOf("ann");
        const ring = { sealing: table.ring.sealing.map((key) => ({ ...key, privateKey: null })) };
        const closed = openVault(table.database, "maskline", ring, { domain: "login.ip" });
        assert.deepEqual(await closed.open([token]), [{ failure: "unknown_key" }]);
        const other = openVault(table.database, "maskline", createKeyRing(randomBytes), { domain: "login.ip" });
        assert.deepEqual(await other.open([token]), [{ failure: "unknown_key" }]);
        await table.database.query(
          "swapping",
          `UPDATE maskline.vault SET sealed = (SELECT sealed FROM maskline.vault AS other WHERE other.token <> vault.token
             AND other.domain = 'login.ip') WHERE token = $1`,
          [token],
        );
        const opener = openVault(table.database, "maskline", table.ring, { domain: "login.ip" });
        assert.deepEqual(await opener.open([token]), [{ failure: "not_authentic" }]);
      }));

    test("an original that somebody planted for another's token is not believed, and stops none of its neighbours", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.77"), loginOf("bob", "198.51.100.4"), loginOf("carol", "198.51.100.5")]);
        const [token = "", other = "", third = ""] = [
          ...(await table.tokensOf("ann")),
          ...(await table.tokensOf("bob")),
          ...(await table.tokensOf("carol")),
        ];
        // what a writer has does for it: the public sealing key, and the right to insert before the first sighting
        const [sealing] = table.ring.sealing;
        const context = await openSealingContext(sealing as NonNullable<typeof sealing>);
        for (const [victim, planted] of [
          [token, "192.0.2.66"],
          [other, "no address"],
        ] as const) {
          const sealed = await context.seal(Buffer.from(planted), vaultPlace("login.ip", victim));
          await table.database.query("planting", "UPDATE maskline.vault SET sealed = $2 WHERE token = $1", [victim, sealed]);
        }
        const column = revealablePlace(table.settings, "masked_ip");
        const opener = openPlace({ ring: table.ring, database: table.database, schema: "maskline" }, column);
        assert.deepEqual(await opener.open([token, "nobody's", other, third]), [
          { failure: "not_authentic" },
          { failure: "no_original" },
          { failure: "not_authentic" },
          { value: "198.51.100.5" },
        ]);
      }));

    test("rows that are refused, by the contract or by the table, and duplicates bring nothing into the vault", () =>
      inTable(async (table) => {
        await table.database.query("preparing", "ALTER TABLE logins ADD CONSTRAINT no_mallory CHECK (user_id <> 'mallory')");
        const loader = await table.loader();
        const again = deliveryOf(loginOf("ann", "203.0.113.1"));
        await loader.sink.load(loader.batchOf([again]));
        await table.database.query("erasing", "DELETE FROM maskline.vault_link");
        await table.database.query("erasing", "DELETE FROM maskline.vault");
        const bodies = [loginOf("mallory", "203.0.113.2"), loginOf("carol", "no address"), loginOf("bob", "203.0.113.3")];
        const settlements = await loader.sink.load(loader.batchOf([again, ...bodies.map(deliveryOf)]));
        assert.deepEqual(outcomesOf(settlements), { duplicate: 1, quarantined: 2, loaded: 1 });
        assert.equal(await table.count("maskline.vault"), 1);
        assert.equal(await table.count("maskline.vault_link"), 1);
        assert.equal(await table.count("maskline.quarantine", "subject IS NOT NULL"), 2, "they say whose they are");
        assert.equal(
          await table.count("maskline.quarantine JOIN maskline.vault_link USING (subject)"),
          0,
          "by different hashes for different people",
        );
      }));

    test("loads that share values at the same time keep each once", () =>
      inTable(async (table) => {
        const loaders = await Promise.all(Array.from({ length: 4 }, () => table.loader()));
        const bodiesOf = (lane: number): readonly object[] =>
          Array.from({ length: 50 }, (_, index) => loginOf(`user ${lane}`, `203.0.113.${lane % 2 === 0 ? index : 49 - index}`));
        const all = await Promise.all(loaders.map((loader, lane) => loader.load(bodiesOf(lane))));
        for (const settlements of all) assert.deepEqual(outcomesOf(settlements), { loaded: 50 });
        assert.equal(await table.count("maskline.vault"), 50);
        assert.equal(await table.count("maskline.vault_link"), 200);
      }));

    test("an original that is not its token's is not sealed: rows that got out of step load nothing", () =>
      inTable(async (table) => {
        const { sink, batchOf } = await table.loader();
        const batch = batchOf([deliveryOf(loginOf("ann", "203.0.113.1")), deliveryOf(loginOf("bob", "203.0.113.2"))]);
        const { deliveries, ids } = batch.rows;
        const crossed = { ...batch, rows: { ...batch.rows, deliveries: deliveries.toReversed(), ids: ids.toReversed() } };
        await assert.rejects(sink.load(crossed), { code: "internal" });
        assert.equal(await table.count("maskline.vault"), 0);
        assert.equal(await table.count("logins"), 0);
      }));

    test("a batch that brings no vault is refused where the contract has one: its originals would be lost", () =>
      inTable(async (table) => {
        const { sink, batchOf } = await table.loader();
        const { vault: _vault, ...without } = batchOf([deliveryOf(loginOf("ann", "203.0.113.77"))]);
        await assert.rejects(sink.load(without), { code: "internal" });
        assert.equal(await table.count("logins"), 0);
      }));

    test("a writer needs no right to read an original or a link", () =>
      inTable(async (table) => {
        const { database } = await table.role([
          "GRANT INSERT ON logins TO ROLE",
          "GRANT USAGE ON SCHEMA maskline TO ROLE",
          "GRANT SELECT ON maskline.migration TO ROLE",
          "GRANT SELECT, INSERT ON maskline.pipeline, maskline.mask_definition, maskline.receipt, maskline.identity_receipt TO ROLE",
          "GRANT SELECT, INSERT ON maskline.ledger, maskline.ring_key, maskline.token_column, maskline.trip, maskline.ledger_reason TO ROLE",
          "GRANT INSERT ON maskline.quarantine TO ROLE",
          "GRANT SELECT (domain, token), INSERT (domain, token, key_id, sealed) ON maskline.vault TO ROLE",
          "GRANT INSERT ON maskline.vault_link TO ROLE",
        ]);
        const loader = await table.loader(table.ring, database);
        const bodies = [loginOf("ann", "203.0.113.77"), loginOf("bob", "203.0.113.77"), { user_id: "carol" }];
        assert.deepEqual(outcomesOf(await loader.load(bodies)), { loaded: 2, quarantined: 1 });
        assert.deepEqual(outcomesOf(await loader.load([loginOf("dave", "203.0.113.77")])), { loaded: 1 });
        assert.equal(await table.count("maskline.vault_link"), 3);
        for (const sql of [
          "SELECT sealed FROM maskline.vault",
          "SELECT subject FROM maskline.vault_link",
          "SELECT sealed FROM maskline.quarantine",
        ])
          await refused(database.query("reading", sql), "database_denied");
      }));

    test("nothing plain is in any table", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.77", "canary-phone"), { user_id: "ann", ip: 7, device: "canary-tablet" }]);
        const dump = JSON.stringify(await dumpTables(table.database));
        for (const plain of ["203.0.113.77", "canary"]) {
          for (const encoding of ["utf8", "hex", "base64"] as const) {
            const spelled = Buffer.from(plain).toString(encoding).replaceAll("=", "");
            assert.ok(!dump.includes(spelled), encoding);
          }
        }
      }));
  });
}
