import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { DatabaseRefusal } from "../../../src/postgres/database.ts";
import { giveApproval, readApproval } from "../../../src/postgres/recovery/approvals.ts";
import { findUnboundTokens } from "../../../src/postgres/recovery/audit.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { enlist, giveRoles, told } from "../../harness/role-members.ts";

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

    const request = "SELECT maskline.request_approval($1, 'reveal', 'login.ip', $2, decode($3, 'hex'), 'one value', 'T-1', $4)";

    inPlace("nobody approves without being told of in the audit, in the same transaction", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const officer = place.governanceOf("privacy_officer");
      const facts = actFacts({ amount: 2 });
      const id = await officer.requestApproval(facts);
      const approve = "SELECT maskline.approve($1, decode($2, 'hex')) AS said";
      const second = place.governanceOf("second");
      await refusedAs("23000", place.as("second").query("by hand", approve, [id, facts.list]));
      const approving = actFacts({ action: "approve", details: { approval: id, of: "reveal", for: "privacy_officer" } });
      await second.append({ act: randomUUID(), step: "intent", facts: approving, outcome: null });
      await refusedAs("23000", place.as("second").query("told before", approve, [id, facts.list]));
      const another = { ...approving, details: { ...approving.details, approval: randomUUID() } };
      await refusedAs(
        "23000",
        second.together(async (query, tell) => {
          await tell({ act: randomUUID(), step: "intent", facts: another, outcome: null });
          await query(approve, [id, facts.list]);
        }),
      );
      await refused(beginAct(officer, facts, [], id), "approval_unfit");
      await give(id);
      await beginAct(officer, facts, [], id);
    });

    inPlace("nobody approves a list without naming it", async () => {
      const id = await place.governanceOf("privacy_officer").requestApproval(actFacts());
      const [row] = await place.as("second").query("approving", "SELECT maskline.approve($1, NULL) AS said", [id]);
      assert.deepEqual(row, { said: "changed" });
    });

    inPlace("an approval that was asked for as one value does not do for a list of many", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const facts = actFacts({ amount: 5_000 });
      const id = randomUUID();
      await place.as("privacy_officer").query("understating", request, [id, 1, facts.list, 3_600]);
      await give(id);
      await refused(beginAct(place.governanceOf("privacy_officer"), facts, [], id), "approval_unfit");
    });

    inPlace("no approval is asked for that holds longer than a day", async () => {
      for (const seconds of [604_800, 2_147_483_647]) {
        await place.as("privacy_officer").query("asking", request, [randomUUID(), 1, "11".repeat(32), seconds]);
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
      await refused(beginAct(officer, actFacts({ amount: 6 }), []), "approval_needed");
      await beginAct(officer, actFacts({ amount: 5 }), []);
      const most = actFacts({ amount: 985 });
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
      const approved = await Promise.all(sessions.map((one) => one.begin(randomUUID(), all, [], id)));
      assert.deepEqual(approved.toSorted(), ["approval_unfit", "approval_unfit", "approval_unfit", "permitted"]);
      const many = await Promise.all(
        [...sessions, ...sessions, ...sessions].map((one) => one.begin(randomUUID(), actFacts(), [], null)),
      );
      assert.equal(many.filter((said) => said === "permitted").length, 7);
      assert.equal(many.filter((said) => said === "over_limit").length, 5);
    });

    inPlace("amounts that are none are refused, and the largest there is does not turn the count round", async () => {
      await place.allow("maskline_privacy_officer", "reveal");
      const permit = (amount: string): Promise<unknown> =>
        place.as("privacy_officer").query("asking", `SELECT maskline.permit('reveal', 'login.ip', ${amount}, '', NULL) AS said`);
      for (const amount of ["NULL", "-1", "-2147483648"]) await refusedAs("22023", permit(amount));
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
