import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test, type TestContext } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { auditPublicKeys } from "../../../src/keys/audit-keys.ts";
import type { Database } from "../../../src/postgres/database.ts";
import {
  type AuditFilter,
  endOfAudit,
  findUnboundTokens,
  listAudit,
  readAudit,
  requireAudit,
} from "../../../src/postgres/recovery/audit.ts";
import type { Anchor } from "../../../src/recovery/audit-anchor.ts";
import type { AuditRow } from "../../../src/recovery/audit-entry.ts";
import { type AuditEntry, readEntry } from "../../../src/recovery/audit-reading.ts";
import { type AuditVerdict, type FaultKind, verifyAudit } from "../../../src/recovery/audit-verify.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { auditChain } from "../../harness/audit-chain.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { giveRoles } from "../../harness/role-members.ts";

const everything: AuditFilter = { actor: null, action: null, since: null, tokenHashes: null, limit: 1_000 };

for (const { name, missing, start } of postgresServers()) {
  suite(`the audit on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    /** Two people who may reveal, an auditor, and `acts` acts of three tokens each. */
    async function audited(t: TestContext, acts: number): Promise<{ place: GovernedDatabase; auditor: Database; acts: string[] }> {
      const place = await GovernedDatabase.create(server);
      t.after(() => place.close());
      for (const person of ["officer", "deputy"]) {
        await place.person(person);
        await place.allow(person, "reveal");
      }
      await giveRoles(place);
      const ids: string[] = [];
      const governance = place.governanceOf("officer");
      for (let index = 0; index < acts; index += 1) {
        const hashes = [0, 1, 2].map((part) => place.keys.hashToken("login.ip", `token ${index}.${part}`));
        const act = await beginAct(governance, actFacts({ amount: 3 }), hashes);
        await act.end({ opened: 3 });
        ids.push(act.id);
      }
      return { place, auditor: place.as("auditor"), acts: ids };
    }

    function verdictOf(place: GovernedDatabase, auditor: Database, anchors: readonly Anchor[] = []): Promise<AuditVerdict> {
      const trust = { publicKeys: auditPublicKeys(place.ring), anchors, from: 1 };
      return verifyAudit(readAudit(auditor, place.schema, 1), trust);
    }

    test("what was written is whole, and read in pages with each act's tokens at its first row", async (t) => {
      const { place, auditor } = await audited(t, 4);
      const end = await endOfAudit(auditor, place.schema);
      assert.equal(end?.sequence, 8);
      const verdict = await verdictOf(place, auditor, [end]);
      assert.deepEqual([verdict.faults, verdict.rows, verdict.open], [[], 8, []]);
      const tokens: number[] = [];
      for await (const row of readAudit(auditor, place.schema, 3)) tokens.push(row.tokenHashes.length);
      assert.deepEqual(tokens, [3, 0, 3, 0, 3, 0]);
      assert.deepEqual(await findUnboundTokens(auditor, place.schema), []);
    });

    test("a token that is given twice is bound once, as it is kept", async (t) => {
      const { place, auditor } = await audited(t, 0);
      const hash = place.keys.hashToken("login.ip", "one");
      await beginAct(place.governanceOf("officer"), actFacts({ amount: 2 }), [hash, Buffer.from(hash)]);
      assert.deepEqual((await verdictOf(place, auditor)).faults, []);
    });

    test("an audit of more than one page is read whole", async (t) => {
      const { place, auditor } = await audited(t, 0);
      const rows501 = auditChain(
        place.keys,
        Array.from({ length: 501 }, () => ({})),
      );
      for (const { sequence, act, entry, hash, keyId, signature } of rows501) {
        await place.admin.query("INSERT INTO maskline.audit VALUES ($1, $2, $3, $4, $5, $6)", [
          sequence,
          act,
          entry,
          hash,
          keyId,
          signature,
        ]);
      }
      const { rows, faults } = await verdictOf(place, auditor);
      assert.deepEqual([rows, faults], [501, []]);
    });

    test("fifty at once, refusals among them, leave a chain that verifies", async (t) => {
      const { place, auditor } = await audited(t, 0);
      const [officer, deputy] = [place.governanceOf("officer"), place.governanceOf("deputy")];
      const hash = place.keys.hashToken("login.ip", "the same");
      const acts = Array.from({ length: 50 }, async (_, index) => {
        if (index % 10 === 0) return refused(beginAct(officer, actFacts({ action: "erase" }), [hash]), "right_missing");
        const act = await beginAct(index % 2 === 0 ? officer : deputy, actFacts(), [hash]);
        await act.end({ opened: 1 });
      });
      await Promise.all(acts);
      const { rows, faults, open } = await verdictOf(place, auditor);
      assert.deepEqual([rows, faults, open], [95, [], []]);
    });

    /** What a superuser can do who switches the triggers off, and what is found. */
    const tamperings: readonly (readonly [does: string, sql: string, found: readonly FaultKind[]])[] = [
      [
        "rewrites an entry",
        `UPDATE maskline.audit SET entry = replace(entry, '"actor":"officer"', '"actor":"another"') WHERE sequence = 3`,
        ["altered"],
      ],
      [
        "says that another act opened the tokens",
        `UPDATE maskline.audit_token SET act = (SELECT act FROM maskline.audit WHERE sequence = 5)
         WHERE act = (SELECT act FROM maskline.audit WHERE sequence = 3)`,
        ["tokens", "tokens"],
      ],
      ["deletes a row in the middle", "DELETE FROM maskline.audit WHERE sequence = 4", ["missing"]],
      ["deletes the first rows", "DELETE FROM maskline.audit WHERE sequence < 3", ["missing"]],
      [
        "deletes a row and moves the others up",
        "DELETE FROM maskline.audit WHERE sequence = 7; UPDATE maskline.audit SET sequence = 7 WHERE sequence = 8",
        ["misplaced", "unlinked", "cut"],
      ],
      [
        "changes the order of two rows",
        `UPDATE maskline.audit SET sequence = 100 WHERE sequence = 4; UPDATE maskline.audit SET sequence = 4 WHERE sequence = 6;
         UPDATE maskline.audit SET sequence = 6 WHERE sequence = 100`,
        ["misplaced", "unlinked", "unlinked", "misplaced", "unlinked", "unlinked"],
      ],
      [
        "removes a token",
        "DELETE FROM maskline.audit_token WHERE token_hash = (SELECT token_hash FROM maskline.audit_token ORDER BY token_hash LIMIT 1)",
        ["tokens"],
      ],
      ["removes all tokens", "TRUNCATE maskline.audit_token", ["tokens", "tokens", "tokens", "tokens"]],
      [
        "replaces a token",
        `UPDATE maskline.audit_token SET token_hash = decode(repeat('ab', 16), 'hex')
         WHERE token_hash = (SELECT token_hash FROM maskline.audit_token ORDER BY token_hash LIMIT 1)`,
        ["tokens"],
      ],
      ["deletes the last rows", "DELETE FROM maskline.audit WHERE sequence > 6", ["cut"]],
      ["deletes all rows", "TRUNCATE maskline.audit", ["cut"]],
    ];

    test("a superuser who switches the triggers off is found out", async (t) => {
      const { place, auditor } = await audited(t, 4);
      const end = await endOfAudit(auditor, place.schema);
      assert.ok(end);
      await place.admin.query(
        `ALTER TABLE maskline.audit DISABLE TRIGGER audit_is_kept; ALTER TABLE maskline.audit_token DISABLE TRIGGER audit_token_is_kept;
         CREATE TABLE true_audit AS TABLE maskline.audit; CREATE TABLE true_token AS TABLE maskline.audit_token`,
      );
      for (const [does, sql, found] of tamperings) {
        await place.admin.query(sql);
        const { faults } = await verdictOf(place, auditor, [end]);
        assert.deepEqual(
          faults.map(({ kind }) => kind),
          found,
          does,
        );
        if (found[0] === "cut") assert.deepEqual((await verdictOf(place, auditor)).faults, [], `${does}: by the anchor alone`);
        await place.admin.query(
          `TRUNCATE maskline.audit, maskline.audit_token;
           INSERT INTO maskline.audit TABLE true_audit; INSERT INTO maskline.audit_token TABLE true_token`,
        );
      }
      assert.deepEqual((await verdictOf(place, auditor, [end])).faults, [], "put back as it was");
    });

    test("tokens that are put where no entry binds them are found", async (t) => {
      const { place, auditor } = await audited(t, 1);
      const lonely = randomUUID();
      await place.admin.query(
        `INSERT INTO maskline.audit (sequence, act, entry, hash, key_id, signature)
         VALUES (1000, $1, '{"step":"result","ticket":""}', decode(repeat('11', 32), 'hex'), 1, decode(repeat('11', 64), 'hex'))`,
        [lonely],
      );
      const nobodys = randomUUID();
      await place.admin.query("INSERT INTO maskline.audit_token (act, token_hash) VALUES ($1, $3), ($2, $3)", [
        lonely,
        nobodys,
        Buffer.alloc(16),
      ]);
      assert.deepEqual((await findUnboundTokens(auditor, place.schema)).toSorted(), [lonely, nobodys].toSorted());
    });

    test("whoever may append by hand can spoil the audit, not forge it: it is found, with the name", async (t) => {
      const { place, auditor } = await audited(t, 1);
      const end = await endOfAudit(auditor, place.schema);
      const act = randomUUID();
      const entry = JSON.stringify({ sequence: 3, previous: end?.hash.toString("hex"), act, actor: "deputy", at: new Date() });
      await place
        .as("deputy")
        .query("forging", "SELECT maskline.audit_append($1, $2, $3, $4, $5)", [
          act,
          entry,
          Buffer.alloc(32, 1),
          place.keys.keyId,
          Buffer.alloc(64),
        ]);
      const { faults } = await verdictOf(place, auditor);
      assert.deepEqual(
        faults.map(({ kind, sequence }) => [kind, sequence]),
        [
          ["altered", 3],
          ["unreadable", 3],
          ["forged", 3],
        ],
      );
    });

    test("it is listed by who, what, when and which token", async (t) => {
      const { place, auditor, acts } = await audited(t, 3);
      const since = new Date();
      const deputy = await beginAct(place.governanceOf("deputy"), actFacts({ reason: 'says "actor":"officer", and more' }), []);
      await refused(beginAct(place.governanceOf("deputy"), actFacts({ action: "erase" }), []), "right_missing");
      const list = async (filter: Partial<AuditFilter>): Promise<readonly AuditRow[]> =>
        listAudit(auditor, place.schema, { ...everything, ...filter });
      const sequences = (rows: readonly AuditRow[]): readonly number[] => rows.map(({ sequence }) => sequence);
      const entries = (rows: readonly AuditRow[]): readonly (AuditEntry | null)[] => rows.map(({ entry }) => readEntry(entry));
      assert.deepEqual(sequences(await list({})), [1, 2, 3, 4, 5, 6, 7, 8]);
      assert.deepEqual(sequences(await list({ limit: 3 })), [6, 7, 8], "the newest, in their order");
      assert.deepEqual(sequences(await list({ actor: "deputy" })), [7, 8]);
      assert.deepEqual(sequences(await list({ actor: "officer", action: "reveal" })), [1, 2, 3, 4, 5, 6]);
      assert.deepEqual(sequences(await list({ action: "erase" })), [8]);
      assert.deepEqual(sequences(await list({ since: new Date(since.getTime() - 60_000) })).length, 8);
      assert.deepEqual(sequences(await list({ since: new Date(Date.now() + 60_000) })), []);
      const tokenHashes = [place.keys.hashToken("login.ip", "token 1.2")];
      const found = entries(await list({ tokenHashes }));
      assert.deepEqual(
        found.map((entry) => [entry?.act, entry?.step]),
        [
          [acts[1], "intent"],
          [acts[1], "result"],
        ],
      );
      assert.deepEqual(await list({ tokenHashes: [place.keys.hashToken("login.device_id", "token 1.2")] }), []);
      assert.equal(entries(await list({ actor: "deputy" }))[0]?.act, deputy.id);
    });

    test("an auditor reads the audit and can do nothing else; others cannot read it", async (t) => {
      const { place, auditor } = await audited(t, 1);
      await requireAudit(auditor, place.schema);
      const { rows: tables } = await place.admin.query<{ name: string }>(
        "SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'maskline'::regnamespace AND c.relkind IN ('r', 'v') ORDER BY 1",
      );
      const auditors = ["audit", "audit_token", "migration", "policy"];
      const readable: string[] = [];
      for (const { name: table } of tables) {
        for (const sql of [
          `DELETE FROM maskline."${table}"`,
          `TRUNCATE maskline."${table}"`,
          `INSERT INTO maskline."${table}" DEFAULT VALUES`,
        ]) {
          await assert.rejects(auditor.query("changing", sql), `${sql} is refused`);
        }
        const looking = auditor.query("looking", `SELECT FROM maskline."${table}"`);
        if (!auditors.includes(table)) await refused(looking, "database_denied");
        else readable.push(...(await looking.then(() => [table])));
      }
      assert.deepEqual(readable, auditors);
      await refused(beginAct(place.governanceOf("auditor"), actFacts(), []), "audit_unwritable");
      for (const sql of [
        "SELECT maskline.permit('{}', NULL)",
        "SELECT maskline.approve(NULL, '{}', NULL)",
        "SELECT maskline.pending_approval(NULL)",
        "SELECT maskline.audit_begin()",
      ]) {
        await refused(auditor.query("calling", sql), "database_denied");
      }
      for (const person of ["officer", "deputy"]) {
        const other = place.as(person);
        await refused(endOfAudit(other, place.schema), "database_denied");
        await refused(listAudit(other, place.schema, everything), "database_denied");
        await refused(readAudit(other, place.schema, 1).next(), "database_denied");
        await refused(findUnboundTokens(other, place.schema), "database_denied");
      }
      await refused(requireAudit(auditor, "public"), "schema_missing");
    });
  });
}
