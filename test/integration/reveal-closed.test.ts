import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { errorCodes, exitCodes } from "../../src/errors.ts";
import { RevealingPlace } from "../harness/revealing-place.ts";

const values = ["203.0.113.7", "203.0.113.8"];

/** An audit that takes nothing: what the server says, and how it is made to. */
const raising = (code: string): readonly [string, string] => [
  `CREATE FUNCTION maskline.refuse_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '${code}'; END $$;
   CREATE TRIGGER refuse_insert BEFORE INSERT ON maskline.audit FOR EACH STATEMENT EXECUTE PROCEDURE maskline.refuse_insert()`,
  "DROP FUNCTION maskline.refuse_insert() CASCADE",
];

const closures: Readonly<Record<string, readonly [close: string, open: string]>> = {
  "read-only": raising("25006"),
  full: raising("53100"),
  missing: ["ALTER TABLE maskline.audit RENAME TO elsewhere", "ALTER TABLE maskline.elsewhere RENAME TO audit"],
  locked: ["BEGIN; SELECT FROM maskline.audit_head FOR UPDATE", "ROLLBACK"],
  "out of reach": [
    "REVOKE EXECUTE ON FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) FROM officer",
    "GRANT EXECUTE ON FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) TO officer",
  ],
};

suite("where the audit cannot be written", () => {
  let server: PostgresServer;
  let place: RevealingPlace;
  before(async () => {
    server = await startPostgres();
    place = await RevealingPlace.create(server);
    await place.person("officer");
    await place.governed.allow("officer", "reveal");
    await place.governed.allow("officer", "verify");
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  for (const [state, [close, open]] of Object.entries(closures)) {
    test(`the audit ${state}: refused, and not one value comes out`, { timeout: 120_000 }, async () => {
      const tokens = place.tokens("masked_ip", values);
      await place.governed.admin.query(close);
      try {
        const why = ["--column", "masked_ip", "--json", "--reason", "asked for by the court", "--ticket", "T-1"];
        const revealed = await place.maskline("officer", ["reveal", "--plain-output", ...why], tokens.join("\n"));
        const verified = await place.maskline("officer", ["verify", ...why], values[0]);
        for (const { code, stdout, stderr } of [revealed, verified]) {
          assert.equal(code, exitCodes[errorCodes.audit_unwritable.exit], stderr);
          assert.match(stdout, /^\{"error":\{"code":"audit_unwritable"/, "and nothing before it");
          for (const secret of [...values, ...tokens]) assert.ok(!(stdout + stderr).includes(secret));
        }
      } finally {
        await place.governed.admin.query(open);
      }
      const spent = await place.governed.admin.query("SELECT coalesce(sum(spent), 0)::int AS spent FROM maskline.spending");
      assert.deepEqual(spent.rows, [{ spent: 0 }], "nothing was counted either");
    });
  }

  test("with the audit there again the same opens: the tests above would have seen values", async () => {
    const done = await place.maskline(
      "officer",
      ["reveal", "--plain-output", "--column", "masked_ip", "--reason", "asked for by the court", "--ticket", "T-1"],
      place.tokens("masked_ip", values).join("\n"),
    );
    assert.equal(done.code, 0, done.stderr);
    for (const value of values) assert.ok(done.stdout.includes(value));
  });
});
