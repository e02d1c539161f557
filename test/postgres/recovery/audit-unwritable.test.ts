import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test, type TestContext } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { MasklineError } from "../../../src/errors.ts";
import type { ActFacts } from "../../../src/recovery/audit-entry.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { makeSmallDisk } from "../../chaos/small-disk.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { plainClient } from "../databases.ts";

/** So that no page of the table has room for it. */
function longFacts(): ActFacts {
  return actFacts({ details: { list: randomBytes(20_000).toString("hex") } });
}

for (const { name, missing, start } of postgresServers()) {
  suite(`an audit that cannot be written, on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    async function governed(t: TestContext): Promise<GovernedDatabase> {
      const place = await GovernedDatabase.create(server);
      t.after(() => place.close());
      await place.person("officer");
      await place.allow("officer", "reveal", { perDay: 10 });
      return place;
    }

    /** Nothing is permitted, told or counted. */
    async function refusesAll(place: GovernedDatabase, facts: ActFacts = actFacts()): Promise<void> {
      const told: number[] = [];
      const governance = place.governanceOf("officer", ({ sequence }) => told.push(sequence));
      const hash = place.keys.hashToken("login.ip", "token");
      await refused(beginAct(governance, facts, [hash]), "audit_unwritable");
      await refused(beginAct(governance, { ...facts, action: "erase" }, [hash]), "audit_unwritable");
      assert.deepEqual(told, []);
      const { rows } = await place.admin.query("SELECT coalesce(sum(spent), 0)::int AS spent FROM maskline.spending");
      assert.deepEqual(rows, [{ spent: 0 }]);
    }

    /** What was wrong is right again, and nothing is left behind of what was refused. */
    async function goesOn(place: GovernedDatabase): Promise<void> {
      const act = await beginAct(place.governanceOf("officer"), actFacts(), [place.keys.hashToken("login.ip", "token")]);
      await act.end({ opened: 1 });
      const { rows } = await place.admin.query("SELECT entry::json ->> 'step' AS step FROM maskline.audit ORDER BY sequence");
      assert.deepEqual(rows, [{ step: "intent" }, { step: "result" }]);
    }

    test("read-only: refused; a default of a session, which our transactions overrule, is none", async (t) => {
      const place = await governed(t);
      await place.admin.query(
        "ALTER FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) SET transaction_read_only = on",
      );
      await refusesAll(place);
      await place.admin.query("ALTER FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) RESET ALL");
      await place.admin.query("ALTER ROLE officer SET default_transaction_read_only = on");
      t.after(() => place.admin.query("ALTER ROLE officer RESET default_transaction_read_only").catch(() => {}));
      await goesOn(place);
      await place.admin.query("ALTER ROLE officer RESET default_transaction_read_only");
    });

    test("locked by another session, its end or the table: refused once the wait is over", async (t) => {
      const place = await governed(t);
      // the time our transactions wait stands in each of them; what a function sets holds inside it
      await place.admin.query(
        `ALTER FUNCTION maskline.audit_tokens(uuid, bytea) SET lock_timeout = '50ms';
         ALTER FUNCTION maskline.audit_begin() SET lock_timeout = '50ms';
         ALTER FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) SET lock_timeout = '50ms'`,
      );
      const other = await plainClient(place.url);
      try {
        for (const lock of [
          "SELECT FROM maskline.audit_head FOR UPDATE",
          "LOCK TABLE maskline.audit",
          "LOCK TABLE maskline.audit_token",
        ]) {
          await other.query("BEGIN");
          await other.query(lock);
          await refusesAll(place);
          await other.query("ROLLBACK");
        }
      } finally {
        await other.end();
      }
      await goesOn(place);
    });

    test("missing, any part of it: refused", async (t) => {
      for (const part of [
        "TABLE maskline.audit",
        "TABLE maskline.audit_token",
        "TABLE maskline.audit_head",
        "FUNCTION maskline.audit_tokens(uuid, bytea)",
        "FUNCTION maskline.audit_begin()",
        "FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea)",
      ]) {
        const place = await governed(t);
        await place.admin.query(`DROP ${part}`);
        await refusesAll(place);
      }
      const place = await governed(t);
      await place.admin.query("DELETE FROM maskline.audit_head");
      await refusesAll(place);
    });

    test("not to be called: refused", async (t) => {
      const place = await governed(t);
      await place.admin.query("REVOKE EXECUTE ON FUNCTION maskline.audit_append(uuid, text, bytea, bigint, bytea) FROM officer");
      await refusesAll(place);
    });

    test("once an act has begun, an end that cannot be told does not call it undone", async (t) => {
      const place = await governed(t);
      const act = await beginAct(place.governanceOf("officer"), actFacts(), []);
      await place.admin.query("DELETE FROM maskline.audit_head");
      await assert.rejects(act.end({ opened: 1 }), (error) => {
        assert.ok(error instanceof MasklineError && error.code === "audit_unwritable");
        assert.match(error.message, /has the intent of this act/);
        assert.doesNotMatch(error.message, /nothing was shown/);
        assert.ok(error.next?.includes(act.id));
        return true;
      });
    });

    test("full: refused, and it goes on when there is room", async (t) => {
      const disk = await makeSmallDisk(8);
      if (disk === null) return t.skip("no small disk can be mounted here");
      const place = await governed(t);
      try {
        await place.admin.query(`CREATE TABLESPACE small LOCATION '${disk.folder}'`);
        await place.admin.query("ALTER TABLE maskline.audit SET TABLESPACE small");
        await disk.fill();
        await refusesAll(place, longFacts());
        await disk.relieve();
        await goesOn(place);
      } finally {
        // else the server's next checkpoint looks for it in vain
        await place.admin.query("ALTER TABLE maskline.audit SET TABLESPACE pg_default");
        await place.admin.query("DROP TABLESPACE small");
        await disk.remove();
      }
    });

    test("lost after the intent: the result cannot be told, and the act stays open", async (t) => {
      const place = await governed(t);
      const act = await beginAct(place.governanceOf("officer"), actFacts(), []);
      await place.admin.query("ALTER TABLE maskline.audit_head RENAME TO audit_head_gone");
      await refused(act.end({ opened: 1 }), "audit_unwritable");
    });
  });
}
