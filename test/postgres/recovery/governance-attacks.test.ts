import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { MasklineError } from "../../../src/errors.ts";
import { DatabaseRefusal } from "../../../src/postgres/database.ts";
import { giveApproval, readApproval } from "../../../src/postgres/recovery/approvals.ts";
import { findUnboundTokens } from "../../../src/postgres/recovery/audit.ts";
import type { PostgresGovernance } from "../../../src/postgres/recovery/governance.ts";
import { type ActFacts, type ChainEnd, entryHash, entryText, noTokens, type ToldParts } from "../../../src/recovery/audit-entry.ts";
import { beginAct, beginActs } from "../../../src/recovery/govern.ts";
import type { Permit } from "../../../src/recovery/ports.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { enlist, giveRoles, told } from "../../harness/role-members.ts";
import { otherwise, plainClient } from "../databases.ts";

/** What somebody with the rights of a role, and SQL of his own in the place of maskline, tries. */
for (const { name, missing, start } of postgresServers()) {
  suite(`the functions of the way back, called by hand, on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let place: GovernedDatabase;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    const inPlace = (title: string, work: () => Promise<void>): void => {
      test(title, async () => {
        place = await GovernedDatabase.create(server);
        try {
          await giveRoles(place);
          await enlist(place, "second", "privacy_officer");
          await place.allow("second", "approve");
          await work();
        } finally {
          await place.close();
        }
      });
    };

    const give = async (id: string): Promise<void> => {
      const second = place.governanceOf("second");
      await giveApproval(second, "maskline", await readApproval(place.as("second"), second, "maskline", id));
    };

    const request = "SELECT maskline.request_approval($1, $2, NULL, $3)";

    inPlace("nobody approves without being told of in the audit, in the same transaction", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const officer = place.governanceOf("privacy_officer");
      const facts = actFacts({ amount: 2 });
      const id = await officer.requestApproval(facts);
      const approve = "SELECT maskline.approve($1, $2, NULL) AS said";
      const seen = JSON.stringify(facts);
      const second = place.governanceOf("second");
      await refusedAs("23000", place.as("second").query("by hand", approve, [id, seen]));
      const approving = actFacts({ action: "approve", details: { approval: id, for: "privacy_officer", of: "reveal", with: {} } });
      await second.append({ act: randomUUID(), step: "intent", facts: approving, outcome: null });
      await refusedAs("23000", place.as("second").query("told before", approve, [id, seen]));
      const another = { ...approving, details: { ...approving.details, approval: randomUUID() } };
      await refusedAs(
        "23000",
        second.together(async (query, tell) => {
          await tell({ act: randomUUID(), step: "intent", facts: another, outcome: null });
          await query(approve, [id, seen]);
        }),
      );
      await refused(beginAct(officer, facts, [], id), "approval_unfit");
      await give(id);
      await beginAct(officer, facts, [], id);
    });

    inPlace("nobody approves a list without naming it", async () => {
      const id = await place.governanceOf("privacy_officer").requestApproval(actFacts());
      const [row] = await place.as("second").query("approving", "SELECT maskline.approve($1, NULL, NULL) AS said", [id]);
      assert.deepEqual(row, { said: "changed" });
    });

    inPlace("an approval that was asked for as one value does not do for a list of many", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const facts = actFacts({ amount: 5_000 });
      const id = randomUUID();
      await place.as("privacy_officer").query("understating", request, [id, JSON.stringify({ ...facts, amount: 1 }), 3_600]);
      await give(id);
      await refused(beginAct(place.governanceOf("privacy_officer"), facts, [], id), "approval_unfit");
    });

    inPlace("no approval is asked for that holds longer than a day", async () => {
      for (const seconds of [604_800, 2_147_483_647]) {
        await place.as("privacy_officer").query("asking", request, [randomUUID(), JSON.stringify(actFacts()), seconds]);
      }
      const { rows } = await place.admin.query(
        "SELECT max(expires_at - requested_at) <= interval '24 hours 1 minute' AS in_time FROM maskline.approval",
      );
      assert.deepEqual(rows, [{ in_time: true }]);
    });

    inPlace("two rows of the policy do not together allow what neither of them does", async () => {
      // a few alone; many with a second person: not many alone
      await place.allow("maskline_privacy_officer", "reveal", { perDay: 10 });
      await place.allow("maskline_privacy_officer", "reveal", { domain: "login.ip", perDay: 1_000, alone: 5 });
      const officer = place.governanceOf("privacy_officer");
      await refused(beginAct(officer, actFacts({ amount: 500 }), []), "approval_needed");
      await beginAct(officer, actFacts({ amount: 10 }), []);
      // that many alone were of the row that leaves no more
      await refused(beginAct(officer, actFacts(), []), "approval_needed");
      const most = actFacts({ amount: 990 });
      const id = await officer.requestApproval(most);
      await give(id);
      await beginAct(officer, most, [], id);
      await refused(beginAct(officer, actFacts(), []), "limit_reached");
    });

    inPlace("of many at once no more are permitted than the limit, and one approval does for one of them", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { perDay: 10, alone: 2 });
      const sessions = Array.from({ length: 4 }, () => place.governanceOf("privacy_officer"));
      const all = actFacts({ amount: 3 });
      const id = await place.governanceOf("privacy_officer").requestApproval(all);
      await give(id);
      const beginEach = async (by: typeof sessions, facts: ActFacts, approval: string | null): Promise<readonly Permit[]> =>
        (await Promise.all(by.map((one) => one.begin([{ act: randomUUID(), facts, tokenHashes: [], approval }])))).flat();
      const approved = await beginEach(sessions, all, id);
      assert.deepEqual(approved.toSorted(), ["approval_used", "approval_used", "approval_used", "permitted"]);
      const many = await beginEach([...sessions, ...sessions, ...sessions], actFacts(), null);
      assert.equal(many.filter((said) => said === "permitted").length, 2);
      assert.equal(many.filter((said) => said === "approval_needed").length, 10);
    });

    inPlace("amounts that are none are refused, and the largest there is does not turn the count round", async () => {
      await place.allow("maskline_privacy_officer", "reveal");
      const permit = (amount: string): Promise<unknown> =>
        place
          .as("privacy_officer")
          .query(
            "asking",
            `SELECT maskline.permit('{"action": "reveal", "domain": "login.ip", "amount": ${amount}}', NULL) AS said`,
          );
      for (const amount of ["null", "-1", "-2147483648"]) await refusedAs("22023", permit(amount));
      assert.deepEqual(await permit("2147483647"), [{ said: "permitted" }]);
      assert.deepEqual(await permit("2147483647"), [{ said: "over_limit" }]);
    });

    inPlace("who replays cannot say that a message was never masked, or whose it is", async () => {
      for (const change of [
        "masks = NULL",
        `masks = '{"decode":[],"fields":[]}'`,
        "subject = NULL",
        "sealed = ''",
        "id = 'x'",
        "sent_at = now()",
      ]) {
        await refusedAs("42501", place.as("replayer").query("unmasking", `UPDATE maskline.quarantine SET ${change}`));
      }
      await place.as("replayer").query("locking", "SELECT FROM maskline.quarantine FOR UPDATE");
    });

    inPlace("an entry is of now, and an act begins once and ends once, by whoever began it", async () => {
      await place.allow("maskline_privacy_officer", "reveal");
      const officer = place.governanceOf("privacy_officer");
      const act = await beginAct(officer, actFacts(), []);
      const append = (by: string, parts: Partial<ToldParts>, at = new Date()): Promise<unknown> =>
        place.as(by).transaction("by hand", async (query) => {
          const [end] = await query<ChainEnd>("SELECT sequence::float8 AS sequence, hash, actor, at FROM maskline.audit_begin()");
          assert.ok(end);
          const told: ToldParts = { act: act.id, step: "result", facts: actFacts(), outcome: {}, ...parts };
          const entry = entryText({ ...end, at }, { ...told, claimed: "", principal: null }, noTokens);
          const hash = entryHash(entry);
          const row = [told.act, entry, hash, place.keys.keyId, place.keys.sign(hash)];
          await query("SELECT maskline.audit_append($1, $2, $3, $4, $5)", row);
        });
      const fresh: Partial<ToldParts> = { act: randomUUID(), step: "intent", outcome: null };
      await refusedAs("23000", append("privacy_officer", fresh, new Date("2019-01-01")));
      // forms of now by which rows could not be compared, or that no time can be read from
      for (const at of ["now", new Date().toUTCString(), `${new Date().toISOString().slice(0, -1)}+00:00`, null])
        await refusedAs("23000", append("privacy_officer", fresh, { toISOString: () => at } as unknown as Date));
      await refusedAs("23000", append("privacy_officer", fresh, new Date(Date.now() + 3_600_000)));
      await refusedAs("23000", append("privacy_officer", { act: randomUUID() }));
      await refusedAs("23000", append("second", {}));
      for (const step of ["intent", "refusal"] as const) await refusedAs("23000", append("privacy_officer", { step }));
      await append("privacy_officer", {});
      for (const step of ["result", "refusal"] as const) await refusedAs("23000", append("privacy_officer", { step }));
      await append("privacy_officer", fresh);
      assert.deepEqual(
        (await told(place)).map(([step]) => step),
        ["intent", "result", "intent"],
      );
    });

    inPlace("an approval that is named is used, needed or not: no act says that it has one that is not its own", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 5 });
      const officer = place.governanceOf("privacy_officer");
      await refused(beginAct(officer, actFacts(), [], randomUUID()), "approval_unfit");
      const id = await officer.requestApproval(actFacts());
      await give(id);
      await beginAct(officer, actFacts(), [], id);
      await refused(beginAct(officer, actFacts(), [], id), "approval_unfit");
      await beginAct(officer, actFacts({ amount: 5 }), []);
      await refused(beginAct(officer, actFacts(), []), "approval_needed");
    });

    inPlace("a refusal does not tell how much there is of somebody who may not be erased", async () => {
      await place.allow("maskline_eraser", "erase", { perDay: 50, alone: 0 });
      for (const amount of [37, 73]) {
        const erasing = actFacts({ action: "erase", domain: "*", amount });
        await assert.rejects(beginAct(place.governanceOf("eraser"), erasing, []), (error) => {
          assert.ok(error instanceof MasklineError);
          assert.doesNotMatch(error.message + (error.next ?? "").replaceAll(/[\da-f-]{36}/g, ""), /37|73/);
          return true;
        });
      }
    });

    inPlace("of acts that go together all are permitted, or nothing of any is counted or used up", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { domain: "a", alone: 0 });
      await place.allow("maskline_privacy_officer", "reveal", { domain: "b", perDay: 5 });
      const officer = place.governanceOf("privacy_officer");
      const first = actFacts({ domain: "a" });
      const id = await officer.requestApproval(first);
      await give(id);
      const both = (amount: number): ReturnType<typeof beginActs> =>
        beginActs(officer, [
          { facts: first, tokenHashes: [], approval: id },
          { facts: actFacts({ domain: "b", amount }), tokenHashes: [], approval: null },
        ]);
      await refused(both(6), "limit_reached");
      assert.deepEqual((await told(place)).slice(-2), [
        ["refusal", { refused: "together" }],
        ["refusal", { refused: "over_limit" }],
      ]);
      assert.equal((await both(5)).length, 2);
      await refused(both(5), "approval_unfit");
    });

    inPlace("nobody is their own second person by another login, where AWS says who they are", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const arn = "arn:aws:sts::000000000000:assumed-role/officer/ann";
      const id = await place.governanceOf("privacy_officer", () => {}, arn).requestApproval(actFacts());
      const approve = (governance: PostgresGovernance): Promise<void> =>
        readApproval(place.as("second"), governance, "maskline", id).then((waiting) =>
          giveApproval(governance, "maskline", waiting),
        );
      await refused(approve(place.governanceOf("second", () => {}, arn)), "approval_unfit");
      await approve(place.governanceOf("second", () => {}, `${arn}e`));
    });

    inPlace("a function with the owner's rights is nobody's to hang on a table of their own", async () => {
      await enlist(place, "curious", "analyst");
      const curious = await plainClient(otherwise(place.url, { user: "curious", password: "curious" }));
      try {
        await curious.query(
          `CREATE TYPE pg_temp.bait AS ENUM ('x');
           CREATE TEMP TABLE caught (rights text);
           CREATE FUNCTION pg_temp.bite(pg_temp.bait) RETURNS uuid LANGUAGE plpgsql AS $$
             BEGIN INSERT INTO caught VALUES (current_user); RETURN '00000000-0000-0000-0000-000000000000'; END $$;
           CREATE CAST (pg_temp.bait AS uuid) WITH FUNCTION pg_temp.bite(pg_temp.bait) AS IMPLICIT;
           CREATE TEMP TABLE own (act pg_temp.bait)`,
        );
        const hang = "CREATE TRIGGER hung AFTER INSERT ON own FOR EACH ROW EXECUTE PROCEDURE maskline.refuse_untold()";
        await assert.rejects(curious.query(hang), { code: "42501" });
        // were it allowed by somebody, it would still look at one table only
        await place.admin.query("GRANT EXECUTE ON FUNCTION maskline.refuse_untold() TO curious");
        await place.allow("maskline_privacy_officer", "reveal");
        await beginAct(place.governanceOf("privacy_officer"), actFacts(), []);
        await curious.query(hang);
        await assert.rejects(curious.query("INSERT INTO own VALUES ('x')"), { code: "42501" });
        assert.deepEqual((await curious.query("SELECT FROM caught")).rows, []);
      } finally {
        await curious.end();
      }
    });

    inPlace(
      "what has ended of an erasure is rewritten by nobody who may erase, nor does one begin with what it has not removed",
      async () => {
        const eraser = place.as("eraser");
        const subject = randomBytes(32);
        const begin = "INSERT INTO maskline.erasure (id, subject) VALUES ($1, $2)";
        const id = randomUUID();
        await eraser.query("beginning", begin, [id, subject]);
        await refusedAs(
          "42501",
          eraser.query("padding", begin.replace(")", ", originals)").replace("$2)", "$2, 500)"), [randomUUID(), subject]),
        );
        await eraser.query("ending", "UPDATE maskline.erasure SET finished_at = now(), certificate = '{}' WHERE id = $1", [id]);
        for (const change of ["certificate = NULL, finished_at = NULL", "originals = 500"])
          await refusedAs("42501", eraser.query("rewriting", `UPDATE maskline.erasure SET ${change} WHERE id = $1`, [id]));
        await refusedAs("42501", eraser.query("backdating", "UPDATE maskline.erasure SET started_at = now()"));
      },
    );

    inPlace("hashes of tokens are added by nobody who is not told of", async () => {
      const add = "SELECT maskline.audit_tokens($1, $2)";
      for (const person of ["privacy_officer", "replayer", "eraser"]) {
        await refusedAs("23000", place.as(person).query("adding", add, [randomUUID(), randomBytes(32)]));
      }
      assert.deepEqual(await findUnboundTokens(place.as("auditor"), "maskline"), []);
      assert.deepEqual(await told(place), []);
    });
  });
}

async function refusedAs(sqlState: string, doing: Promise<unknown>): Promise<void> {
  await assert.rejects(doing, (error) => {
    assert.ok(error instanceof DatabaseRefusal, String(error));
    assert.equal(error.failure.sqlState, sqlState);
    return true;
  });
}
