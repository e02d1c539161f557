import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { verifySignature } from "../../../src/keys/audit-keys.ts";
import { chainStart, entryHash } from "../../../src/recovery/audit-entry.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { plainClient, untilWaiting } from "../databases.ts";

for (const { name, missing, start } of postgresServers()) {
  suite(`policy and audit on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    test("an act with a right has an intent before it and a result after it, chained and signed", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.person("officer");
        await place.allow("officer", "reveal");
        const told: number[] = [];
        const governance = place.governanceOf("officer", ({ sequence }) => told.push(sequence));
        const hash = place.keys.hashToken("login.ip", "token");
        const act = await beginAct(governance, actFacts(), [hash]);
        await act.end({ opened: 1 });
        assert.deepEqual(told, [1, 2]);
        const { rows } = await place.admin.query(
          "SELECT sequence::int, entry, hash, signature FROM maskline.audit ORDER BY sequence",
        );
        let previous = chainStart;
        for (const [index, row] of rows.entries()) {
          const entry = JSON.parse(row.entry) as Record<string, unknown>;
          assert.equal(entry["previous"], previous.toString("hex"));
          assert.equal(entry["actor"], "officer");
          assert.equal(entry["step"], index === 0 ? "intent" : "result");
          assert.ok(entryHash(row.entry).equals(row.hash));
          assert.ok(verifySignature(place.keys.publicKey, row.hash, row.signature));
          previous = row.hash;
        }
        const tokens = await place.admin.query("SELECT act, token_hash FROM maskline.audit_token");
        assert.deepEqual(tokens.rows, [{ act: act.id, token_hash: hash }]);
      } finally {
        await place.close();
      }
    });

    test("without a right, over the day's limit, or without a second person it is refused, and the refusal is told", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.person("officer");
        await place.person("second");
        await place.allow("officer", "reveal-partial", { perDay: 5, alone: 3 });
        await place.allow("second", "approve");
        const governance = place.governanceOf("officer");
        await refused(beginAct(governance, actFacts(), []), "right_missing");
        const partial = actFacts({ action: "reveal-partial" });
        await beginAct(governance, { ...partial, amount: 3 }, []);
        await refused(beginAct(governance, { ...partial, amount: 3 }, []), "limit_reached");
        await place.admin.query("UPDATE maskline.policy SET values_per_day = 100 WHERE action = 'reveal-partial'");
        // three were alone already: a list in parts is no way round the second person
        await refused(beginAct(governance, { ...partial, amount: 1 }, []), "approval_needed");
        const { rows } = await place.admin.query(
          "SELECT entry::json ->> 'step' AS step, entry::json -> 'outcome' ->> 'refused' AS why FROM maskline.audit ORDER BY sequence",
        );
        assert.deepEqual(
          rows.map(({ step, why }) => [step, why]),
          [
            ["refusal", "no_right"],
            ["intent", null],
            ["refusal", "over_limit"],
            ["refusal", "approval_needed"],
          ],
        );
      } finally {
        await place.close();
      }
    });

    test("an approval is of another person, for this list, once", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        for (const name of ["officer", "second", "third"]) await place.person(name);
        await place.allow("officer", "reveal", { alone: 0 });
        await place.allow("officer", "approve");
        await place.allow("second", "approve");
        const governance = place.governanceOf("officer");
        const facts = actFacts({ amount: 2 });
        const id = await governance.requestApproval(facts);
        const approve = async (name: string, seen = facts): Promise<string> =>
          place.governanceOf(name).together(async (query, tell) => {
            const details = { approval: id, for: "officer", of: facts.action, with: facts.details };
            await tell({ act: randomUUID(), step: "intent", facts: actFacts({ action: "approve", details }), outcome: null });
            const [row] = await query<{ said: string }>("SELECT maskline.approve($1, $2, NULL) AS said", [
              id,
              JSON.stringify(seen),
            ]);
            return row?.said ?? "";
          });
        await refused(beginAct(governance, facts, [], id), "approval_unfit");
        assert.equal(await approve("officer"), "own");
        assert.equal(await approve("third"), "no_right");
        assert.equal(await approve("second", { ...facts, list: "22".repeat(32) }), "changed");
        assert.equal(await approve("second"), "approved");
        assert.equal(await approve("second"), "taken");
        const others = [{ list: "33".repeat(32) }, { reason: "another one" }, { ticket: "T-2" }, { details: { to: "elsewhere" } }];
        for (const other of others) await refused(beginAct(governance, { ...facts, ...other }, [], id), "approval_unfit");
        await beginAct(governance, facts, [], id);
        await refused(beginAct(governance, facts, [], id), "approval_unfit");
      } finally {
        await place.close();
      }
    });

    test("fifty at once leave one chain that does not fork", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.person("officer");
        await place.allow("officer", "reveal");
        const governance = place.governanceOf("officer");
        await Promise.all(Array.from({ length: 50 }, () => beginAct(governance, actFacts(), []).then((act) => act.end({}))));
        const { rows } = await place.admin.query(
          `SELECT count(*)::int AS rows, count(DISTINCT entry::json ->> 'previous')::int AS previous,
                  (SELECT sequence::int FROM maskline.audit_head) AS head FROM maskline.audit`,
        );
        assert.deepEqual(rows, [{ rows: 100, previous: 100, head: 100 }]);
      } finally {
        await place.close();
      }
    });

    test("the tokens of a long list are written before the end is locked: nobody waits for them", async () => {
      const place = await GovernedDatabase.create(server);
      const other = await plainClient(place.url);
      try {
        await place.person("officer");
        await place.allow("officer", "reveal");
        await other.query("BEGIN");
        await other.query("LOCK TABLE maskline.audit_token");
        const tokens = ["one", "another", "one"].map((token) => place.keys.hashToken("login.ip", token));
        const slow = beginAct(place.governanceOf("officer"), actFacts({ amount: 2 }), tokens);
        await untilWaiting(place.admin, 1, [slow]);
        const quick = await beginAct(place.governanceOf("officer"), actFacts(), []);
        await quick.end({});
        await other.query("ROLLBACK");
        const { rows } = await place.admin.query(
          "SELECT audit.act, (SELECT count(*)::int FROM maskline.audit_token WHERE audit_token.act = audit.act) AS tokens FROM maskline.audit ORDER BY sequence",
        );
        assert.deepEqual(rows.slice(0, 2), [
          { act: quick.id, tokens: 0 },
          { act: quick.id, tokens: 0 },
        ]);
        const { id } = await slow;
        const { rows: kept } = await place.admin.query("SELECT count(*)::int AS kept FROM maskline.audit_token WHERE act = $1", [
          id,
        ]);
        assert.deepEqual(kept, [{ kept: 2 }]);
      } finally {
        await other.end();
        await place.close();
      }
    });

    test("tokens are only added to an act that nothing has been told of", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.person("officer");
        await place.allow("officer", "reveal");
        const act = await beginAct(place.governanceOf("officer"), actFacts(), []);
        const asOfficer = place.as("officer");
        await assert.rejects(asOfficer.query("adding", "SELECT maskline.audit_tokens($1, $2)", [act.id, Buffer.alloc(16)]));
        const { rows } = await place.admin.query("SELECT FROM maskline.audit_token");
        assert.equal(rows.length, 0);
      } finally {
        await place.close();
      }
    });

    test("nobody rewrites the audit, and whoever may not append is refused before anything is opened", async () => {
      const place = await GovernedDatabase.create(server);
      try {
        await place.person("officer");
        await place.allow("officer", "reveal");
        const governance = place.governanceOf("officer");
        await beginAct(governance, actFacts(), []);
        for (const sql of ["UPDATE maskline.audit SET entry = ''", "DELETE FROM maskline.audit", "TRUNCATE maskline.audit"]) {
          await assert.rejects(place.admin.query(sql), /only ever appended to/);
        }
        const asOfficer = place.as("officer");
        for (const table of ["audit", "policy", "approval", "spending", "audit_head"]) {
          await refused(asOfficer.query("looking", `SELECT FROM maskline.${table}`), "database_denied");
        }
        await refused(
          asOfficer.query("forging", "SELECT maskline.audit_append($1, $2, $3, 1, $4)", [
            randomUUID(),
            JSON.stringify({ sequence: 2, previous: "00".repeat(32), actor: "officer" }),
            Buffer.alloc(32),
            Buffer.alloc(64),
          ]),
          "database_refused",
        );
        await place.admin.query("REVOKE EXECUTE ON FUNCTION maskline.audit_begin() FROM officer");
        await refused(beginAct(governance, actFacts(), []), "audit_unwritable");
      } finally {
        await place.close();
      }
    });
  });
}
