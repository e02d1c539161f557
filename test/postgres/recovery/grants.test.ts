import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { MasklineError } from "../../../src/errors.ts";
import { migrate } from "../../../src/postgres/migrate.ts";
import { quoteName, quoteTable } from "../../../src/postgres/names.ts";
import { applyGrants, type GrantOptions, grantScript, roleName } from "../../../src/postgres/recovery/grants-script.ts";
import { databaseRoles } from "../../../src/postgres/recovery/grants.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { GovernedDatabase } from "../../harness/governed-database.ts";
import { declared, found, functions, objects, rightsOf, tables } from "../../harness/granted-rights.ts";
import { connect } from "../../harness/login-table.ts";
import { refused } from "../../harness/refused.ts";
import { giveRoles, loginGrants } from "../../harness/role-members.ts";
import { untilWaiting } from "../databases.ts";

for (const { name, missing, start } of postgresServers()) {
  suite(`roles and their rights on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    test("each role has what is declared, and nothing more, also after a second time", async () => {
      const place = await GovernedDatabase.create(server);
      const database = connect(place.url);
      try {
        await giveRoles(place);
        assert.deepEqual(await found(place.admin, loginGrants), declared(loginGrants));
        await place.admin.query("GRANT ALL ON ALL TABLES IN SCHEMA maskline TO maskline_auditor");
        await place.admin.query("GRANT SELECT (sealed) ON maskline.quarantine TO maskline_operator");
        await place.admin.query("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA maskline TO maskline_operator");
        assert.notDeepEqual(await found(place.admin, loginGrants), declared(loginGrants), "it is noticed");
        await applyGrants(database, loginGrants);
        assert.deepEqual(await found(place.admin, loginGrants), declared(loginGrants));
        await Promise.all([applyGrants(database, loginGrants), applyGrants(database, loginGrants)]);
      } finally {
        await database.close();
        await place.close();
      }
    });

    test("of what maskline owns nothing is anybody's, and everything is some role's", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.admin.query("DO $$ BEGIN CREATE ROLE nobody_at_all; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
        const anybody = await rightsOf(place.admin, "maskline", "nobody_at_all");
        assert.deepEqual([...anybody], []);
        const speaksOf = new Set(databaseRoles.flatMap(({ rights }) => rights.flatMap(objects)));
        // what only functions touch, and what only triggers call
        const hidden = [
          "approval",
          "audit_head",
          "audited_act",
          "refuse_change()",
          "refuse_ended()",
          "refuse_untold()",
          "require_told(text, text, jsonb)",
          "resume_trip()",
          "spending",
        ];
        const all = [...(await tables(place.admin, "maskline")), ...(await functions(place.admin, "maskline"))];
        assert.deepEqual(all.filter((one) => !speaksOf.has(one)).sort(), hidden.sort());
        assert.deepEqual(
          [...speaksOf].filter((one) => !all.includes(one)),
          [],
        );
      } finally {
        await place.close();
      }
    });

    test("names are quoted, a partition is a part of the table, and the printed script does the same as --apply", async () => {
      const place = await GovernedDatabase.create(server);
      const schema = 'odd "schema $grants$';
      const table = { schema: 'it\'s "mine"', table: 'log\\ins; $grants$ DROP "x"' };
      const options: GrantOptions = {
        schema,
        prefix: "team \"a' $grants$",
        target: { table, columns: ["user id", 'to"ken'], masked: ['to"ken'] },
      };
      const database = connect(place.url);
      try {
        await migrate(database, schema);
        await refused(applyGrants(database, options), "target_misfit");
        await place.admin.query(`CREATE SCHEMA ${quoteName(table.schema)}`);
        await place.admin.query(
          `CREATE TABLE ${quoteTable(table)} ("user id" text, "to""ken" text, other text) PARTITION BY LIST ("user id")`,
        );
        await place.admin.query(`CREATE TABLE "one part" PARTITION OF ${quoteTable(table)} FOR VALUES IN ('a')`);
        await applyGrants(database, options);
        const applied = await found(place.admin, options);
        assert.deepEqual(applied, declared(options));
        const role = roleName(options.prefix, { name: "rekeyer" });
        const { rows } = await place.admin.query(
          `SELECT has_column_privilege($1, 'public."one part"', 'to"ken', 'SELECT, UPDATE') AS token,
                  has_column_privilege($1, 'public."one part"', 'ctid', 'SELECT') AS place,
                  has_any_column_privilege($1, 'public."one part"', 'INSERT') AS adds,
                  has_column_privilege($1, 'public."one part"', 'other', 'SELECT, UPDATE') AS other`,
          [role],
        );
        assert.deepEqual(rows, [{ token: true, place: true, adds: false, other: false }]);
        await place.admin.query(`REVOKE ALL ON ALL TABLES IN SCHEMA ${quoteName(schema)} FROM ${quoteName(role)}`);
        await place.admin.query(grantScript(options));
        assert.deepEqual(await found(place.admin, options), applied);
      } finally {
        await database.close();
        await place.close();
      }
    });

    test("another database of the server may make the same roles in the same moment", async () => {
      const [place, other] = [await GovernedDatabase.create(server), await GovernedDatabase.create(server)];
      const database = connect(place.url);
      try {
        await giveRoles(place);
        await other.admin.query("BEGIN");
        await other.admin.query("CREATE ROLE twice_rekeyer NOLOGIN");
        const options = { ...loginGrants, prefix: "twice" };
        const applying = applyGrants(database, options);
        await untilWaiting(place.admin, 1, [applying]);
        await other.admin.query("COMMIT");
        await applying;
        assert.deepEqual(await found(place.admin, options), declared(options));
      } finally {
        await database.close();
        await place.close();
        await other.close();
      }
    });

    test("who may not create roles is told so, and nothing is left half done", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await giveRoles(place);
        const options = { ...loginGrants, prefix: "halfway" };
        await refused(applyGrants(place.as("operator"), options), "database_denied");
        const { rows } = await place.admin.query("SELECT rolname FROM pg_roles WHERE rolname LIKE 'halfway%'");
        assert.deepEqual(rows, []);
      } finally {
        await place.close();
      }
    });
  });
}

test("a prefix that makes no name of a role is refused", () => {
  for (const prefix of ["", "pg", "pg_team", "x".repeat(60), "two\nlines"]) {
    assert.throws(
      () => roleName(prefix, { name: "writer" }),
      (error) => error instanceof MasklineError && error.code === "usage",
      JSON.stringify(prefix),
    );
  }
  assert.equal(roleName("pgteam", { name: "writer" }), "pgteam_writer");
});

test("every right has its reason", () => {
  for (const { name, does, rights } of databaseRoles) {
    assert.ok(does.length > 3, name);
    for (const { why } of rights) assert.ok(why.length > 10, `${name}: ${why}`);
  }
});
