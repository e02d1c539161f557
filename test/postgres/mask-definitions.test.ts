import assert from "node:assert/strict";
import { after, before, beforeEach, suite, test } from "node:test";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { type ErrorCode, MasklineError } from "../../src/errors.ts";
import type { Database } from "../../src/postgres/database.ts";
import { compareMaskDefinitions, type MaskPin, pinMaskDefinitions } from "../../src/postgres/mask-definitions.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { connect } from "../harness/login-table.ts";
import { otherwise, plainClient, untilWaiting } from "./databases.ts";

/** Two domains under each of the keys; `secret` stands for the key behind the id. */
function pins(
  keyIds: readonly number[],
  parts: { readonly secret?: string; readonly fingerprint?: string } = {},
): readonly MaskPin[] {
  return ["login.ip", "login.device_id"].flatMap((domain) =>
    keyIds.map((keyId) => ({
      domain,
      keyId,
      checkValue: Buffer.from(`${parts.secret ?? "secret"} of ${keyId} for ${domain}`),
      fingerprint: parts.fingerprint ?? `definition of ${domain}`,
    })),
  );
}

suite("mask definitions in the database", () => {
  let server: PostgresServer;
  let database: Database;
  let admin: pg.Client;
  before(async () => {
    server = await startPostgres();
    database = connect(server.url);
    admin = await plainClient(server.url);
    await migrate(database, "maskline");
  });
  after(async () => {
    await admin?.end();
    await database?.close();
    await server?.stop();
  });
  beforeEach(async () => {
    await admin.query("DELETE FROM maskline.mask_definition");
  });

  async function pin(
    keyIds: readonly number[],
    parts: Parameters<typeof pins>[1] = {},
    known: readonly number[] = keyIds,
  ): Promise<void> {
    await pinMaskDefinitions(database, "maskline", pins(keyIds, parts), known);
  }

  /** "login.ip 7" for each that is recorded. */
  async function recorded(): Promise<readonly string[]> {
    const { rows } = await admin.query<{ line: string }>(
      `SELECT domain || ' ' || key_id AS line FROM maskline.mask_definition ORDER BY domain COLLATE "C", key_id`,
    );
    return rows.map(({ line }) => line);
  }

  async function refused(work: () => Promise<void>, code: ErrorCode, says: RegExp): Promise<void> {
    const before = await recorded();
    await assert.rejects(work(), (error) => {
      assert.ok(error instanceof MasklineError);
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.ok(error.next);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.deepEqual(await recorded(), before, "a refusal records nothing");
  }

  test("the first use records each domain under each key, and the same ring passes from then on", async () => {
    await pin([7]);
    assert.deepEqual(await recorded(), ["login.device_id 7", "login.ip 7"]);
    const { rows: first } = await admin.query("SELECT * FROM maskline.mask_definition ORDER BY domain");
    await pin([7]);
    const { rows: second } = await admin.query("SELECT * FROM maskline.mask_definition ORDER BY domain");
    assert.deepEqual(second, first);
  });

  test("key ids of the whole 32-bit range are kept as they are", async () => {
    await pin([4_294_967_295, 1]);
    await pin([4_294_967_295, 1]);
    assert.deepEqual(await recorded(), ["login.device_id 1", "login.device_id 4294967295", "login.ip 1", "login.ip 4294967295"]);
    await refused(() => pin([1]), "key_mismatch", /4294967295/);
  });

  test("another key under the same id is refused", async () => {
    await pin([7]);
    await refused(() => pin([7], { secret: "another secret" }), "key_mismatch", /key 7 .* is not the key 7/);
  });

  test("a ring that does not hold the key of the tokens that are there is refused and records nothing", async () => {
    await pin([7]);
    await refused(() => pin([8]), "key_mismatch", /has tokens of key 7/);
    assert.deepEqual(await recorded(), ["login.device_id 7", "login.ip 7"]);
  });

  test("a changed definition is refused, whether or not the ring has changed too", async () => {
    await pin([7]);
    await refused(() => pin([7], { fingerprint: "another" }), "mask_changed", /login\.(ip|device_id)/);
    await refused(() => pin([7, 8], { fingerprint: "another" }), "mask_changed", /login\.(ip|device_id)/);
  });

  test("one changed domain among several is named", async () => {
    await pin([7]);
    const changed = pins([7]).map((each) => (each.domain === "login.ip" ? { ...each, fingerprint: "another" } : each));
    await refused(() => pinMaskDefinitions(database, "maskline", changed, [7]), "mask_changed", /domain login\.ip /);
  });

  test("comparing alone records nothing and refuses the same", async () => {
    const compare = (keyIds: readonly number[], parts: Parameters<typeof pins>[1] = {}): Promise<void> =>
      compareMaskDefinitions(database, "maskline", pins(keyIds, parts), keyIds);
    await compare([7]);
    assert.deepEqual(await recorded(), []);
    await pin([7]);
    await compare([7]);
    await compare([7, 8]);
    await refused(() => compare([8]), "key_mismatch", /has tokens of key 7/);
    await refused(() => compare([7], { secret: "another secret" }), "key_mismatch", /is not the key 7/);
    await refused(() => compare([7], { fingerprint: "another" }), "mask_changed", /login/);
    assert.deepEqual(await recorded(), ["login.device_id 7", "login.ip 7"]);
  });

  test("a further key in the ring passes and is recorded; the ring it came from does no longer", async () => {
    await pin([7]);
    await pin([7, 8]);
    assert.deepEqual(await recorded(), ["login.device_id 7", "login.device_id 8", "login.ip 7", "login.ip 8"]);
    await refused(() => pin([7]), "key_mismatch", /has tokens of key 8/);
  });

  test("a key that the ring holds but no longer masks with is known", async () => {
    await pin([7, 8]);
    await pin([8], {}, [7, 8]);
  });

  test("a new domain in an old ring passes, other domains are nobody's business", async () => {
    await pin([7]);
    const other: MaskPin = { domain: "other", keyId: 9, checkValue: Buffer.from("x"), fingerprint: "y" };
    await pinMaskDefinitions(database, "maskline", [other], [9]);
    await pinMaskDefinitions(database, "maskline", [{ ...other, domain: "third", keyId: 7 }], [7]);
    assert.equal((await recorded()).length, 4);
  });

  test("no masks, nothing to compare: the table need not even be there", async () => {
    await pinMaskDefinitions(database, "nowhere", [], [7]);
  });

  /** Both begin before either can write: what each saw at its start is what it would decide by. */
  async function race(one: readonly MaskPin[], other: readonly MaskPin[]): Promise<readonly PromiseSettledResult<void>[]> {
    const second = connect(server.url);
    const watcher = await plainClient(server.url);
    // reading goes on under this lock, writing waits
    await admin.query("BEGIN; LOCK TABLE maskline.mask_definition IN SHARE ROW EXCLUSIVE MODE");
    const ids = (some: readonly MaskPin[]): readonly number[] => some.map(({ keyId }) => keyId);
    const racers = [
      pinMaskDefinitions(database, "maskline", one, ids(one)),
      pinMaskDefinitions(second, "maskline", other, ids(other)),
    ];
    try {
      await untilWaiting(watcher, 2, racers);
    } finally {
      await admin.query("ROLLBACK");
    }
    const results = await Promise.allSettled(racers);
    await watcher.end();
    await second.close();
    return results;
  }

  test("of two rings with different key ids at once, one wins and the other is refused", async () => {
    const results = await race(pins([7]), pins([8]));
    assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    const [loser] = results.filter((result) => result.status === "rejected");
    assert.ok(loser?.reason instanceof MasklineError);
    assert.equal(loser.reason.code, "key_mismatch");
    assert.equal((await recorded()).length, 2, "the loser has recorded nothing");
  });

  test("of two keys with one id at once, one wins; of two definitions too", async () => {
    for (const parts of [{ secret: "another secret" }, { fingerprint: "another" }]) {
      await admin.query("DELETE FROM maskline.mask_definition");
      const results = await race(pins([7]), pins([7], parts));
      assert.deepEqual(results.map(({ status }) => status).sort(), ["fulfilled", "rejected"], JSON.stringify(parts));
    }
  });

  test("the same ring twice at once passes twice, also with the domains in another order", async () => {
    const results = await race(pins([7, 8]), [...pins([7, 8])].reverse());
    assert.deepEqual(
      results.map(({ status }) => status),
      ["fulfilled", "fulfilled"],
    );
    assert.equal((await recorded()).length, 4);
  });

  test("a writer needs no more than to read and insert", async () => {
    await admin.query("CREATE ROLE writer LOGIN PASSWORD 'writer'; GRANT USAGE ON SCHEMA maskline TO writer");
    await admin.query("GRANT SELECT, INSERT ON maskline.mask_definition TO writer");
    const writer = connect(otherwise(server.url, { user: "writer", password: "writer" }));
    try {
      await pinMaskDefinitions(writer, "maskline", pins([7]), [7]);
      assert.equal((await recorded()).length, 2);
    } finally {
      await writer.close();
    }
  });
});
