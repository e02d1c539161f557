import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { erase, type EraseQuestion, survey } from "../../../src/app/recovery/erase.ts";
import { openVault } from "../../../src/app/recovery/vault-opener.ts";
import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { MasklineError } from "../../../src/errors.ts";
import { auditKeys } from "../../../src/keys/audit-keys.ts";
import { PostgresErasure } from "../../../src/postgres/recovery/erasure.ts";
import { findExits } from "../../../src/postgres/recovery/find-exits.ts";
import { readCertificate } from "../../../src/recovery/certificate-reading.ts";
import { type Certificate, verifyCertificate } from "../../../src/recovery/certificate.ts";
import { eraseSubject } from "../../../src/recovery/erase.ts";
import type { ErasureStore } from "../../../src/recovery/erasure-store.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { outcomesOf } from "../../harness/login-table.ts";
import { refused } from "../../harness/refused.ts";
import { loginOf, VaultTable } from "../../harness/vault-table.ts";
import { plainClient, untilWaiting } from "../databases.ts";

const question: EraseQuestion = {
  column: "user_id",
  nullTokens: false,
  reason: "a request under article 17",
  ticket: "T-17",
  approval: null,
};

for (const { name, missing, start } of postgresServers()) {
  suite(`erasure on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    const inTable = async (work: (table: VaultTable) => Promise<void>, columns?: string): Promise<void> => {
      const table = await VaultTable.create(server, columns);
      try {
        await work(table);
      } finally {
        await table.close();
      }
    };

    const opens = async (table: VaultTable, token: string): Promise<string> => {
      const [opened] = await openVault(table.database, "maskline", table.ring, { domain: "login.ip" }).open([token]);
      return opened === undefined ? "nothing" : "value" in opened ? opened.value : opened.failure;
    };

    test("a subject's own values open no more, those that others share still do, and the certificate says what is in the tables", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.1"), loginOf("bob", "203.0.113.1"), loginOf("ann", "203.0.113.2", "phone")]);
        await loader.load([{ user_id: "ann", ip: "no address" }, { user_id: "bob", ip: "no address" }, { ip: "nobody's" }]);
        const [shared = ""] = await table.tokensOf("bob");
        const [own = ""] = (await table.tokensOf("ann")).filter((token) => token !== shared);
        assert.deepEqual([await opens(table, shared), await opens(table, own)], ["203.0.113.1", "203.0.113.2"]);
        const governed = await table.governed();

        const found = await survey(table.settings, governed, question, "ann");
        assert.deepEqual(
          [found.tokens.length, found.tokens.filter(({ alone }) => alone).length, found.bodies.length, found.rows],
          [3, 2, 1, 2],
        );
        assert.deepEqual(
          [found.oneWay, found.reversible],
          [
            { rows: 2, columns: ["masked_ip", "masked_device"] },
            { rows: 0, columns: [] },
          ],
        );
        assert.equal(await table.count("maskline.vault_link"), 4, "looking removes nothing");

        const signed = await erase(table.settings, governed, question, "ann");
        assert.deepEqual([await opens(table, shared), await opens(table, own)], ["203.0.113.1", "no_original"]);
        assert.equal(await table.count("maskline.vault"), 1);
        assert.equal(await table.count("maskline.vault_link"), 1);
        assert.equal(await table.count("maskline.quarantine"), 2, "bob's and nobody's");
        assert.equal(await table.count("maskline.receipt", "outcome = 'discarded'"), 1);
        const { removed, remains, subject } = signed.certificate as {
          removed: object;
          remains: readonly { what: string; count: number | null }[];
          subject: { hash: string };
        };
        assert.deepEqual(removed, { links: 3, originals: 2, bodies: 1, rowsNulled: 0 });
        assert.deepEqual(
          remains.map(({ what, count }) => [what, count]),
          [
            ["originals shared with others", 1],
            ["one-way tokens in the subject's rows", 2],
            ["the subject's rows", 2],
            ["refused messages that do not say whose they are", 1],
            ["backups and replicas of the database", null],
            ["messages in queues and files", null],
            ["the audit", null],
          ],
        );
        const publicKey = auditKeys(table.ring).publicKey;
        assert.ok(verifyCertificate(publicKey, signed));
        assert.ok(!verifyCertificate(publicKey, { ...signed, certificate: { ...signed.certificate, removed: { links: 4 } } }));
        assert.ok(!JSON.stringify(signed).includes("ann"), "it names nobody");
        assert.equal(subject.hash.length, 64);
        const again = await erase(table.settings, governed, question, "ann");
        assert.deepEqual(again.certificate["removed"], { links: 0, originals: 0, bodies: 0, rowsNulled: 0 });
      }));

    test("intent and result stand in the audit, and without a right nothing is removed", () =>
      inTable(async (table) => {
        await (await table.loader()).load([loginOf("ann", "203.0.113.1")]);
        const governed = await table.governed();
        await table.database.query("taking the right", "DELETE FROM maskline.policy");
        await refused(erase(table.settings, governed, question, "ann"), "right_missing");
        await refused(survey(table.settings, governed, question, "ann"), "right_missing");
        assert.equal(await table.count("maskline.vault"), 1);
        const again = await table.governed();
        await table.database.query("asking for a second person", "UPDATE maskline.policy SET approve_above = 0");
        await refused(erase(table.settings, again, question, "ann"), "approval_needed");
        assert.equal(await table.count("maskline.vault"), 1);
        await table.database.query("alone again", "UPDATE maskline.policy SET approve_above = NULL");
        await erase(table.settings, again, question, "ann");
        const rows = await table.database.query<{ step: string }>(
          "reading the audit",
          "SELECT entry::json ->> 'step' AS step, entry FROM maskline.audit ORDER BY sequence",
        );
        assert.deepEqual(
          rows.map(({ step }) => step),
          ["refusal", "refusal", "refusal", "intent", "result"],
        );
        assert.ok(!JSON.stringify(rows).includes("ann"));
      }));

    test("who erases needs no right to read what is sealed", () =>
      inTable(async (table) => {
        await (
          await table.loader()
        ).load([loginOf("ann", "203.0.113.1"), loginOf("bob", "203.0.113.1"), { user_id: "ann", ip: 7 }]);
        const { name: role, database } = await table.member("eraser");
        const governed = await table.governed(role, database);
        const { certificate } = await erase(table.settings, governed, { ...question, nullTokens: true }, "ann");
        assert.deepEqual(certificate["removed"], { links: 1, originals: 0, bodies: 1, rowsNulled: 1 });
        assert.equal(certificate["actor"], role);
        await refused(database.query("reading", "SELECT sealed FROM maskline.vault"), "database_denied");
        await refused(database.query("reading", "SELECT sealed FROM maskline.quarantine"), "database_denied");
        await refused(database.query("reading", "SELECT * FROM maskline.quarantine_exit"), "database_denied");
        await refused(
          database.query("forging", "INSERT INTO maskline.quarantine_exit (actor) SELECT 'bob' WHERE false"),
          "database_denied",
        );
        const [body] = await table.database.query<{ id: string }>("reading", "SELECT id FROM maskline.quarantine_exit");
        const [exit, ...others] = await findExits(table.database, "maskline", body?.id ?? "");
        assert.deepEqual(others, []);
        assert.deepEqual(
          [exit?.outcome, exit?.actor, exit?.act, exit?.reason],
          ["discarded", role, certificate["act"], "wrong_type"],
        );
      }));

    test("tokens in the subject's rows become NULL when asked, everyone else's stay", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.1", "phone"), loginOf("ann", "203.0.113.2"), loginOf("bob", "203.0.113.1")]);
        const governed = await table.governed();
        await table.database.query("closing", "ALTER TABLE logins ALTER COLUMN masked_ip SET NOT NULL");
        await refused(erase(table.settings, governed, { ...question, nullTokens: true }, "ann"), "target_misfit");
        assert.equal(await table.count("maskline.vault"), 3);
        await table.database.query("opening", "ALTER TABLE logins ALTER COLUMN masked_ip DROP NOT NULL");
        const { certificate } = await erase(table.settings, governed, { ...question, nullTokens: true }, "ann");
        assert.deepEqual(certificate["removed"], { links: 3, originals: 2, bodies: 0, rowsNulled: 2 });
        assert.equal(await table.count("logins", "user_id = 'ann' AND (masked_ip IS NOT NULL OR masked_device IS NOT NULL)"), 0);
        assert.equal(await table.count("logins", "user_id = 'bob' AND masked_ip IS NOT NULL"), 1);
      }));

    test("tokens of every keyed mask go with the rows' own, those inside documents and texts stay, and the certificate names them", () =>
      inTable(async (table) => {
        await widen(table);
        const inside = { body: { user: { ip: "203.0.113.9", mail: "ann@example.org" } }, note: "from 203.0.113.8" };
        await (
          await table.loader()
        ).load([
          { ...loginOf("ann", "203.0.113.1", "phone"), mail: "ann@example.org", ...inside },
          { ...loginOf("ann", "203.0.113.2"), body: { user: {} }, note: "of nobody, though it says {{pii:note:x}}" },
          { ...loginOf("ann", "203.0.113.3"), note: "from 203.0.113.8" },
          { ...loginOf("bob", "203.0.113.1", "phone"), mail: "bob@example.org", ...inside },
        ]);
        const before = await heldBy(table, "ann");
        assert.deepEqual(before, { all: 3, masked_ip: 3, masked_device: 1, masked_mail: 1, body: 2, note: 3 });
        const { name: role, database } = await table.member("eraser");
        const governed = await table.governed(role, database);
        const wide = { ...question, nullTokens: true };

        const found = await survey(table.settings, governed, wide, "ann");
        assert.deepEqual(
          [found.rows, found.oneWay, found.reversible],
          [
            3,
            { rows: 3, columns: ["masked_ip", "masked_mail", "body.user.mail"] },
            { rows: 2, columns: ["masked_device", "body.user.ip", "note"] },
          ],
        );
        const kept = await erase(table.settings, governed, question, "ann");
        assert.deepEqual(heldIn(kept.certificate), [
          ["one-way tokens in the subject's rows", 3, ["masked_ip", "masked_mail", "body.user.mail"]],
          ["tokens of masks that open without the vault", 2, ["masked_device", "body.user.ip", "note"]],
        ]);
        assert.deepEqual(await heldBy(table, "ann"), before, "without being asked it changes no row");

        const nulled = await erase(table.settings, governed, wide, "ann");
        assert.deepEqual(nulled.certificate["removed"], { links: 0, originals: 0, bodies: 0, rowsNulled: 3 });
        assert.deepEqual(await heldBy(table, "ann"), { ...before, masked_ip: 0, masked_device: 0, masked_mail: 0 });
        assert.deepEqual(heldIn(nulled.certificate), [
          ["one-way tokens in the subject's rows", 1, ["body.user.mail"]],
          ["tokens of masks that open without the vault", 2, ["body.user.ip", "note"]],
        ]);
        assert.deepEqual(await heldBy(table, "bob"), { all: 1, masked_ip: 1, masked_device: 1, masked_mail: 1, body: 1, note: 1 });
        for (const read of [nulled, kept]) assert.ok(readCertificate(JSON.stringify(read)) !== null);
      }, mixed));

    test("a column that opens by the ring has to take NULL as well, and is named where it does not", () =>
      inTable(async (table) => {
        await widen(table);
        await (await table.loader()).load([loginOf("ann", "203.0.113.1", "phone")]);
        await table.database.query("closing", "ALTER TABLE logins ALTER COLUMN masked_device SET NOT NULL");
        const governed = await table.governed();
        for (const act of [survey, erase]) {
          const refusal = act(table.settings, governed, { ...question, nullTokens: true }, "ann");
          await assert.rejects(refusal, { code: "target_misfit", details: ["column masked_device"] });
        }
        assert.equal(await table.count("maskline.vault"), 1);
      }, mixed));

    test("what a killed erasure has left asks for an approval of its own, and says so", () =>
      inTable(async (table) => {
        await (await table.loader()).load(Array.from({ length: 9 }, (_, index) => loginOf("ann", `203.0.113.${index}`)));
        const governed = await table.governed();
        await table.database.query("asking for a second person", "UPDATE maskline.policy SET approve_above = 1");
        const approved = async (): Promise<string> => {
          const error = await erase(table.settings, governed, question, "ann").catch((thrown: unknown) => thrown);
          assert.ok(error instanceof MasklineError && error.code === "approval_needed");
          const [row] = await table.database.query<{ id: string }>(
            "approving",
            "UPDATE maskline.approval SET approved_by = 'another', approved_at = now() WHERE approved_by IS NULL RETURNING id",
          );
          assert.ok(row !== undefined && error.next?.includes(row.id) === true);
          return row.id;
        };
        const approval = await approved();
        await table.database.query(
          "breaking the fifth link",
          `CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF (SELECT count(*) FROM maskline.vault_link) < 5 THEN RAISE EXCEPTION 'killed'; END IF; RETURN NULL; END $$`,
        );
        await table.database.query(
          "breaking",
          "CREATE TRIGGER stop AFTER DELETE ON maskline.vault_link FOR EACH STATEMENT EXECUTE PROCEDURE stop()",
        );
        const approvedQuestion = { ...question, round: 4, approval };
        await assert.rejects(erase(table.settings, governed, approvedQuestion, "ann"));
        assert.equal(await table.count("maskline.vault_link"), 5, "the first round is durable");
        await table.database.query("mending", "DROP TRIGGER stop ON maskline.vault_link");

        const said = { code: "approval_unfit", details: [/what is left is another list/], next: /without --approval/ };
        await assert.rejects(erase(table.settings, governed, approvedQuestion, "ann"), (error: unknown) => {
          assert.ok(error instanceof MasklineError);
          assert.match(error.details.join(), said.details[0] as RegExp);
          assert.match(error.next ?? "", said.next);
          return error.code === said.code;
        });
        const { certificate } = await erase(table.settings, governed, { ...question, approval: await approved() }, "ann");
        assert.deepEqual(certificate["removed"], { links: 9, originals: 9, bodies: 0, rowsNulled: 0 });
      }));

    test("a value that the subject's column does not take erases nobody, and is not said again", () =>
      inTable(
        async (table) => {
          await (await table.loader()).load([{ ip: "203.0.113.1" }]);
          const governed = await table.governed();
          for (const value of ["", "a-name-that-is-much-too-long"]) {
            await assert.rejects(erase(table.settings, governed, question, value), (error: unknown) => {
              assert.ok(error instanceof MasklineError && error.code === "value_unfit");
              assert.match(error.message, /column user_id takes/);
              return value === "" || !JSON.stringify([error.message, error.next, error.details]).includes(value);
            });
          }
          assert.equal(await table.count("maskline.vault"), 1, "the one whom the column names by default is another");
        },
        `columns:
  user_id: { type: text, max: 9, default: nobody }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
`,
      ));

    test("a column that calls two subjects equal loses the tokens of the one that was named", (t) =>
      inTable(async (table) => {
        const extensions = await table.database.query("looking", "SELECT FROM pg_available_extensions WHERE name = 'citext'");
        if (extensions.length === 0) return t.skip(`${name} has no citext`);
        await table.database.query("extending", "CREATE EXTENSION citext");
        await table.database.query("loosening", "ALTER TABLE logins ALTER COLUMN user_id TYPE citext");
        await (await table.loader()).load([loginOf("ann", "203.0.113.1"), loginOf("Ann", "203.0.113.2")]);
        const { certificate } = await erase(table.settings, await table.governed(), { ...question, nullTokens: true }, "ann");
        assert.deepEqual(certificate["removed"], { links: 1, originals: 1, bodies: 0, rowsNulled: 1 });
        assert.equal(await table.count("logins", "user_id::text = 'Ann' AND masked_ip IS NOT NULL"), 1);
      }));

    test("a subject that is masked in the table is erased by its value, and its tokens are not looked for", () =>
      inTable(
        async (table) => {
          await (await table.loader()).load([loginOf("ann", "203.0.113.1"), loginOf("bob", "203.0.113.1")]);
          const governed = await table.governed();
          await refused(erase(table.settings, governed, { ...question, nullTokens: true }, "ann"), "usage");
          await refused(erase(table.settings, governed, { ...question, column: "masked_ip" }, "ann"), "usage");
          const { certificate } = await erase(table.settings, governed, question, "ann");
          assert.deepEqual(certificate["removed"], { links: 1, originals: 0, bodies: 0, rowsNulled: 0 });
          assert.equal(await table.count("maskline.vault"), 1);
        },
        `columns:
  user_id: { type: text, max: 128, mask: { kind: siv, domain: login.user } }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
  masked_device: { from: device, type: text, max: 40, required: false, mask: { kind: vault, domain: login.device, subject: user_id } }
`,
      ));

    test("an erasure that was killed goes on where it was, and its certificate counts all of it", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load(Array.from({ length: 25 }, (_, index) => loginOf("ann", `203.0.113.${index}`)));
        await loader.load(Array.from({ length: 5 }, (_, index) => loginOf("bob", `203.0.113.${index}`)));
        await loader.load(Array.from({ length: 5 }, () => ({ user_id: "ann", ip: "no address" })));
        const governed = await table.governed();
        const [subject = Buffer.alloc(0)] = (
          await table.database.query<{ subject: Buffer }>(
            "reading",
            "SELECT subject FROM maskline.vault_link GROUP BY 1 ORDER BY count(*) DESC LIMIT 1",
          )
        ).map((row) => row.subject);
        // what a process had done that was killed after its second round
        const killed = erasureOf(table, subject, 7);
        const id = await killed.begin();
        assert.ok(await killed.removeLinks(id));
        assert.ok(await killed.removeLinks(id));
        assert.equal(await table.count("maskline.vault_link"), 25 + 5 - 14);
        const { certificate } = await erase(table.settings, governed, { ...question, round: 7 }, "ann");
        assert.equal(certificate["erasure"], id);
        assert.deepEqual(certificate["removed"], { links: 25, originals: 20, bodies: 5, rowsNulled: 0 });
        assert.equal(await table.count("maskline.vault_link"), 5);
        assert.equal(await table.count("maskline.erasure", "finished_at IS NOT NULL"), 1);
      }));

    test("a refused message of theirs that is replayed while they are erased leaves no link behind", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.1"), { user_id: "ann", ip: "no address" }]);
        const { governance } = await table.governed();
        const keys = auditKeys(table.ring);
        assert.ok(keys !== null);
        const subject = await quarantinedSubject(table);
        const own = erasureOf(table, subject);
        const steps = ["begin", "tally", "finish", "nullTokens", "survey", "removeLinks"] as const;
        const store: ErasureStore = {
          ...(Object.fromEntries(steps.map((step) => [step, own[step].bind(own)])) as unknown as ErasureStore),
          async removeBodies(id, act) {
            // what a replay commits just before
            const { length } = await table.database.query("replaying", "DELETE FROM maskline.quarantine RETURNING 1");
            if (length > 0) await loader.load([loginOf("ann", "203.0.113.2")]);
            return own.removeBodies(id, act);
          },
        };
        const request = { ...question, subject, closedKeyIds: [] };
        await eraseSubject({ governance, store, keys }, request);
        assert.equal(await table.count("maskline.vault_link"), 0);
        assert.equal(await table.count("maskline.vault"), 0);
      }));

    test("an erasure and a replay of the same message take its locks in the same order", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([{ user_id: "ann", ip: "no address" }]);
        const subject = await quarantinedSubject(table);
        const erasure = erasureOf(table, subject);
        const id = await erasure.begin();
        const replay = await plainClient(table.url);
        const admin = await plainClient(table.url);
        try {
          // as QuarantineExit does
          await replay.query("BEGIN");
          await replay.query("SELECT FROM maskline.quarantine FOR UPDATE");
          const erasing = erasure.removeBodies(id, randomUUID());
          await untilWaiting(admin, 1, [erasing]);
          await replay.query("UPDATE maskline.receipt SET outcome = 'loaded'");
          await replay.query("DELETE FROM maskline.quarantine");
          await replay.query("COMMIT");
          await erasing;
          assert.equal(await table.count("maskline.receipt", "outcome = 'loaded'"), 1, "what was loaded first stays that");
          assert.equal((await erasure.tally(id)).bodies, 0);
          assert.equal(await erasure.removeBodies(id, randomUUID()), false);
        } finally {
          await replay.end();
          await admin.end();
        }
      }));

    test("a load that is about to link to what is being erased waits, and seals it anew", () =>
      inTable(async (table) => {
        await overtakenLoad(table);
        assert.deepEqual(await table.orphans(), { links: 0, originals: 0 });
        assert.equal(await table.count("maskline.vault_link"), 1);
        const [token = ""] = await table.tokensOf("bob");
        assert.equal(await opens(table, token), "203.0.113.1");
      }));

    test("without the foreign key the same load leaves a link without an original: the test above can fail", () =>
      inTable(async (table) => {
        await table.database.query("breaking", "ALTER TABLE maskline.vault_link DROP CONSTRAINT vault_link_of_original");
        await overtakenLoad(table);
        assert.deepEqual(await table.orphans(), { links: 1, originals: 0 });
      }));

    test("an erasure that another call has ended changes no more, and nothing is removed that no certificate counts", () =>
      inTable(async (table) => {
        const loader = await table.loader();
        await loader.load([loginOf("ann", "203.0.113.1"), { user_id: "ann", ip: "no address" }]);
        const governed = await table.governed();
        const [known] = await table.database.query<{ subject: Buffer }>("reading", "SELECT subject FROM maskline.vault_link");
        const store = (): PostgresErasure => erasureOf(table, known?.subject ?? Buffer.alloc(0));
        const none = { links: 0, originals: 0, shared: 0, bodies: 0, rowsNulled: 0 };
        const [late, id] = [store(), await store().begin()];
        assert.equal(await late.begin(), id, "one that runs is joined");
        const { certificate } = await erase(table.settings, governed, question, "ann");
        assert.equal(certificate["erasure"], id);
        const ended = await table.database.query("reading", "SELECT * FROM maskline.erasure");
        await loader.load([loginOf("ann", "203.0.113.2"), { user_id: "ann", ip: "no address" }]);
        for (const remove of [
          () => late.removeLinks(id),
          () => late.removeBodies(id, randomUUID()),
          () => late.finish(id, "{}", none),
        ])
          await refused(remove(), "database_busy");
        assert.deepEqual(await table.database.query("reading", "SELECT * FROM maskline.erasure"), ended);
        assert.deepEqual([await table.count("maskline.vault"), await table.count("maskline.quarantine")], [1, 1]);

        const next = await late.begin();
        assert.notEqual(next, id);
        assert.ok(await late.removeLinks(next));
        await refused(late.finish(next, "{}", none), "database_busy");
        assert.equal(await table.count("maskline.erasure", "finished_at IS NULL"), 1, "its certificate would count too little");
      }));

    test("erasures that race loads leave no link without an original, no original without a link, and take nobody else's", () =>
      inTable(async (table) => {
        const governed = await table.governed();
        const loaders = await Promise.all(
          ["bob", "carol", "dave", "ann"].map(async (user) => ({ user, loader: await table.loader() })),
        );
        const loading = loaders.map(async ({ user, loader }, lane) => {
          for (let round = 0; round < 12; round += 1) {
            const bodies = Array.from({ length: 20 }, (_, index) =>
              loginOf(user, `203.0.113.${(index * 7 + round * (lane + 1)) % 40}`),
            );
            assert.deepEqual(outcomesOf(await loader.load(bodies)), { loaded: 20 });
          }
        });
        const all = Promise.all(loading);
        let ended = false;
        const note = (): void => {
          ended = true;
        };
        all.then(note, note);
        let erasures = 0;
        while (!ended) {
          await erase(table.settings, governed, { ...question, round: 5 }, "ann");
          erasures += 1;
        }
        await all;
        assert.ok(erasures > 0);
        await erase(table.settings, governed, question, "ann");
        assert.deepEqual(await table.orphans(), { links: 0, originals: 0 });
        for (const user of ["bob", "carol", "dave"]) {
          for (const token of await table.tokensOf(user)) assert.match(await opens(table, token), /^203\.0\.113\.\d+$/);
        }
      }));
  });
}

function erasureOf(table: VaultTable, subject: Buffer, round?: number): PostgresErasure {
  return new PostgresErasure(table.database, {
    schema: "maskline",
    subjects: [subject],
    rows: null,
    places: [],
    contractHash: "of a test",
    ...(round === undefined ? {} : { round }),
  });
}

/** Masks of every sort: the vault's, what opens by the ring, what nothing opens, and what lies inside documents and texts. */
const mixed = `columns:
  user_id: { type: text, max: 128, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
  masked_device: { from: device, type: text, max: 40, required: false, mask: { kind: siv, domain: login.device } }
  masked_mail: { from: mail, type: email, required: false, mask: { kind: hmac, domain: login.mail } }
  body:
    type: json
    required: false
    paths:
      user.ip: { type: ip, mask: { kind: siv, domain: login.inner_ip } }
      user.mail: { type: email, mask: { kind: cmac, domain: login.inner_mail } }
  note: { type: text, required: false, scan: [ip], mask: { kind: siv, domain: note } }
`;

async function widen(table: VaultTable): Promise<void> {
  await table.database.query(
    "widening",
    "ALTER TABLE logins ADD COLUMN masked_mail text, ADD COLUMN body jsonb, ADD COLUMN note text",
  );
}

/** How many rows of somebody's there are, and how many of them have something in each column. */
async function heldBy(table: VaultTable, user: string): Promise<Readonly<Record<string, number>>> {
  const columns = ["masked_ip", "masked_device", "masked_mail", "body", "note"];
  const [row] = await table.database.query<Readonly<Record<string, number>>>(
    "counting",
    `SELECT count(*)::int AS all, ${columns.map((name) => `count(${name})::int AS ${name}`).join(", ")} FROM logins WHERE user_id = $1`,
    [user],
  );
  return { ...row };
}

/** What a certificate says of tokens that stay. */
function heldIn({ remains }: Certificate["certificate"]): readonly (readonly unknown[])[] {
  const all = remains as readonly { what: string; count: number | null; columns?: readonly string[] }[];
  return all.flatMap(({ what, count, columns }) => (columns === undefined ? [] : [[what, count, columns]]));
}

/** Whose the one refused message is. */
async function quarantinedSubject(table: VaultTable): Promise<Buffer> {
  const [row] = await table.database.query<{ subject: Buffer }>("reading", "SELECT subject FROM maskline.quarantine");
  assert.ok(row !== undefined);
  return row.subject;
}

/** Ann's original is erased between a load's look at it and its link to it. */
async function overtakenLoad(table: VaultTable): Promise<void> {
  await (await table.loader()).load([loginOf("ann", "203.0.113.1")]);
  const loader = await table.loader();
  const eraser = await plainClient(table.url);
  const watcher = await plainClient(table.url);
  try {
    await eraser.query("BEGIN");
    await eraser.query("SELECT FROM maskline.vault FOR UPDATE");
    await eraser.query("DELETE FROM maskline.vault_link");
    await eraser.query("DELETE FROM maskline.vault");
    const loading = loader.load([loginOf("bob", "203.0.113.1")]);
    await untilWaiting(watcher, 1, [loading]);
    await eraser.query("COMMIT");
    assert.deepEqual(outcomesOf(await loading), { loaded: 1 });
  } finally {
    await eraser.end();
    await watcher.end();
  }
}
