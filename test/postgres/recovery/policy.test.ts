import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { DatabaseRefusal } from "../../../src/postgres/database.ts";
import { giveApproval, readApproval } from "../../../src/postgres/recovery/approvals.ts";
import { changePolicy, listPolicy, type PolicyChange } from "../../../src/postgres/recovery/policy.ts";
import type { ActFacts } from "../../../src/recovery/audit-entry.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { refused } from "../../harness/refused.ts";
import { enlist, giveRoles, told } from "../../harness/role-members.ts";

const why = { reason: "the abuse desk", ticket: "SEC-4" };
const allow: PolicyChange = {
  change: "allow",
  role: "maskline_privacy_officer",
  domain: "login.ip",
  action: "reveal",
  valuesPerDay: 100,
  approveAbove: 10,
};

for (const { name, missing, start } of postgresServers()) {
  suite(`changing the policy, and a second person, on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let place: GovernedDatabase;
    before(async () => {
      server = await start();
    });
    after(() => server?.stop());

    /** A database of its own for each: what is spent and told in one is nothing to the other. */
    const inPlace = (title: string, work: () => Promise<void>): void => {
      test(title, async () => {
        place = await GovernedDatabase.create(server);
        try {
          await giveRoles(place);
          await work();
        } finally {
          await place.close();
        }
      });
    };

    inPlace("what is allowed holds from then on, with what held before and who changed it in the audit", async () => {
      const keeper = place.governanceOf("policy_keeper");
      const officer = place.governanceOf("privacy_officer");
      await refused(beginAct(officer, actFacts(), []), "right_missing");
      assert.equal(await changePolicy(keeper, "maskline", allow, why), null);
      await beginAct(officer, actFacts({ amount: 10 }), []);
      await refused(beginAct(officer, actFacts({ amount: 11 }), []), "approval_needed");
      assert.deepEqual(await changePolicy(keeper, "maskline", { ...allow, valuesPerDay: null, approveAbove: null }, why), {
        values_per_day: 100,
        approve_above: 10,
      });
      await beginAct(officer, actFacts({ amount: 1_000 }), []);
      for (const reader of ["policy_keeper", "auditor", "privacy_officer"]) {
        const [row, ...others] = await listPolicy(place.as(reader), "maskline");
        assert.deepEqual(others, []);
        assert.deepEqual(
          { ...row, changedAt: null },
          {
            role: "maskline_privacy_officer",
            domain: "login.ip",
            action: "reveal",
            valuesPerDay: null,
            approveAbove: null,
            changedBy: "policy_keeper",
            changedAt: null,
            roleExists: true,
          },
        );
      }
      const { change, role, action, domain } = { ...allow, change: "deny" as const };
      await changePolicy(keeper, "maskline", { change, role, action, domain }, why);
      await refused(beginAct(officer, actFacts(), []), "right_missing");
      const { rows } = await place.admin.query(
        `SELECT entry::json ->> 'step' AS step, entry::json ->> 'actor' AS actor, entry::json -> 'details' AS details,
                entry::json -> 'outcome' AS outcome FROM maskline.audit WHERE entry::json ->> 'action' = 'policy' ORDER BY sequence`,
      );
      const place1 = { role: "maskline_privacy_officer", action: "reveal" };
      const first = { change: "allow", ...place1, values_per_day: 100, approve_above: 10 };
      const second = { change: "allow", ...place1, values_per_day: null, approve_above: null };
      const third = { change: "deny", ...place1 };
      const none = { values_per_day: null, approve_above: null };
      assert.deepEqual(
        rows.map((row) => [row.step, row.actor, row.details, row.outcome]),
        [
          ["intent", "policy_keeper", first, null],
          ["result", "policy_keeper", first, { before: null }],
          ["intent", "policy_keeper", second, null],
          ["result", "policy_keeper", second, { before: { values_per_day: 100, approve_above: 10 } }],
          ["intent", "policy_keeper", third, null],
          ["result", "policy_keeper", third, { before: none }],
        ],
      );
    });

    inPlace("a role that is not there, a row that is not there and a person who may not are refused, and told of", async () => {
      const keeper = place.governanceOf("policy_keeper");
      await refused(changePolicy(keeper, "maskline", { ...allow, role: "nobody_here" }, why), "not_found");
      const deny: PolicyChange = { change: "deny", role: allow.role, domain: "*", action: "reveal" };
      await refused(changePolicy(keeper, "maskline", deny, why), "not_found");
      await refused(changePolicy(place.governanceOf("privacy_officer"), "maskline", allow, why), "right_missing");
      assert.deepEqual(await told(place), [
        ["refusal", { refused: "not_there" }],
        ["refusal", { refused: "not_there" }],
        ["refusal", { refused: "no_right" }],
      ]);
      await refused(changePolicy(place.governanceOf("operator"), "maskline", allow, why), "audit_unwritable");
      assert.deepEqual(await listPolicy(place.as("auditor"), "maskline"), []);
      // of a role that was dropped it is said, and its row can still be taken away
      await place.allow("dropped_since", "verify");
      const [left] = await listPolicy(place.as("auditor"), "maskline");
      assert.deepEqual([left?.role, left?.roleExists], ["dropped_since", false]);
      await changePolicy(keeper, "maskline", { change: "deny", role: "dropped_since", domain: "*", action: "verify" }, why);
      assert.deepEqual(await listPolicy(place.as("auditor"), "maskline"), []);
    });

    inPlace("the functions themselves change nothing that the audit does not tell in the same transaction", async () => {
      const keeper = place.governanceOf("policy_keeper");
      const database = place.as("policy_keeper");
      const set = "SELECT maskline.set_policy('maskline_privacy_officer', 'login.ip', 'reveal', 100, 10)";
      await refusedAs("23000", database.query("alone", set));
      await keeper.append({ act: randomUUID(), step: "intent", facts: intentOf(allow), outcome: null });
      await refusedAs("23000", database.query("told in an earlier transaction", set));
      // what is told is another change, another domain, or no intent
      const others: readonly (readonly [ActFacts, "intent" | "result"])[] = [
        [intentOf({ ...allow, valuesPerDay: 1 }), "intent"],
        [{ ...intentOf(allow), domain: "*" }, "intent"],
        [{ ...intentOf(allow), action: "reveal" }, "intent"],
        [intentOf(allow), "result"],
      ];
      for (const [facts, step] of others) {
        const changed = keeper.together(async (query, tell) => {
          const act = randomUUID();
          await tell({ act, step: "intent", facts, outcome: null });
          if (step === "result") await tell({ act, step, facts, outcome: null });
          await query(set);
        });
        await refusedAs("23000", changed);
      }
      assert.deepEqual(await listPolicy(database, "maskline"), []);
      assert.equal((await told(place)).length, 1, "of what was rolled back nothing is told");
      await keeper.together(async (query, tell) => {
        await tell({ act: randomUUID(), step: "intent", facts: intentOf(allow), outcome: null });
        await query(set);
        // nor does it do for another session
        await assert.rejects(
          place
            .as("policy_keeper")
            .query("beside it", "SELECT maskline.drop_policy('maskline_privacy_officer', 'login.ip', 'reveal')"),
        );
      });
      assert.equal((await listPolicy(database, "maskline")).length, 1);
    });

    inPlace("a second person is another one, who approves what was shown, once, in time and with the right", async () => {
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      await place.allow("second", "approve");
      for (const person of ["second", "third"]) await enlist(place, person, "privacy_officer");
      await place.allow("privacy_officer", "approve");
      const officer = place.governanceOf("privacy_officer");
      const facts = actFacts({ amount: 2 });
      const id = await officer.requestApproval(facts);
      const asked = await readApproval(place.as("second"), place.governanceOf("second"), "maskline", id);
      assert.deepEqual([asked.id, asked.asked, asked.actor], [id, facts, "privacy_officer"]);
      const give = (person: string, parts: Partial<typeof asked> = {}): Promise<void> =>
        giveApproval(place.governanceOf(person), "maskline", { ...asked, ...parts });
      await refused(give("privacy_officer"), "approval_unfit");
      await refused(give("third"), "right_missing");
      await refused(give("auditor"), "audit_unwritable");
      await refused(give("policy_keeper"), "right_missing");
      await refused(give("second", { id: randomUUID() }), "approval_unfit");
      await refused(give("second", { asked: { ...facts, list: "22".repeat(32) } }), "approval_unfit");
      await place.admin.query("UPDATE maskline.approval SET asked = jsonb_set(asked, '{details}', '{\"to\": \"elsewhere\"}')");
      await refused(give("second"), "approval_unfit");
      await place.admin.query("UPDATE maskline.approval SET asked = $1, expires_at = now()", [JSON.stringify(facts)]);
      await refused(give("second"), "approval_unfit");
      await place.admin.query("UPDATE maskline.approval SET expires_at = now() + interval '1 hour'");
      await give("second");
      await refused(give("second"), "approval_unfit");
      await beginAct(officer, facts, [], id);
      await refused(beginAct(officer, facts, [], id), "approval_unfit");
      const outcomes = (await told(place)).map(([step, outcome]) => [step, JSON.stringify(outcome)]);
      assert.deepEqual(outcomes, [
        ["refusal", '{"refused":"own"}'],
        ["refusal", '{"refused":"no_right"}'],
        ["refusal", '{"refused":"no_right"}'],
        ["refusal", '{"refused":"not_there"}'],
        ["refusal", '{"refused":"changed"}'],
        ["refusal", '{"refused":"changed"}'],
        ["refusal", '{"refused":"expired"}'],
        ["intent", "null"],
        ["result", JSON.stringify({ approved: id })],
        ["refusal", '{"refused":"taken"}'],
        ["intent", "null"],
        ["refusal", '{"refused":"approval_used"}'],
      ]);
    });

    inPlace("what is not there, or not theirs to see, cannot be looked at, and that is told", async () => {
      const look = (person: string): Promise<unknown> =>
        readApproval(place.as(person), place.governanceOf(person), "maskline", randomUUID());
      await refused(look("privacy_officer"), "approval_unfit");
      await refused(look("policy_keeper"), "right_missing");
      assert.deepEqual(await told(place), [
        ["refusal", { refused: "not_there" }],
        ["refusal", { refused: "no_right" }],
      ]);
    });

    inPlace("approvals that cannot be told in the audit are not given", async () => {
      await place.allow("maskline_privacy_officer", "approve");
      await enlist(place, "second", "privacy_officer");
      const id = await place.governanceOf("privacy_officer").requestApproval(actFacts());
      const second = place.governanceOf("second");
      const asked = await readApproval(place.as("second"), second, "maskline", id);
      await place.admin.query("ALTER TABLE maskline.audit ADD CONSTRAINT full_now CHECK (sequence < 1)");
      await refused(giveApproval(second, "maskline", asked), "audit_unwritable");
      const { rows } = await place.admin.query("SELECT approved_by FROM maskline.approval");
      assert.deepEqual(rows, [{ approved_by: null }]);
    });

    inPlace("ten changes and ten approvals at once leave one chain, and nobody waits for ever", async () => {
      await place.allow("second", "approve");
      await enlist(place, "second", "privacy_officer");
      await place.allow("maskline_privacy_officer", "reveal", { alone: 0 });
      const officer = place.governanceOf("privacy_officer");
      const second = place.governanceOf("second");
      const keeper = place.governanceOf("policy_keeper");
      const domains = Array.from({ length: 10 }, (_, n) => `domain.${n}`);
      const ids = await Promise.all(domains.map((domain) => officer.requestApproval(actFacts({ domain }))));
      await Promise.all([
        ...domains.map((domain) => changePolicy(keeper, "maskline", { ...allow, domain }, why)),
        ...ids.map(async (id) => giveApproval(second, "maskline", await readApproval(place.as("second"), second, "maskline", id))),
      ]);
      await Promise.all(ids.map((id, n) => beginAct(officer, actFacts({ domain: `domain.${n}` }), [], id)));
      const { rows } = await place.admin.query(
        "SELECT count(*)::int AS rows, count(DISTINCT entry::json ->> 'previous')::int AS previous FROM maskline.audit",
      );
      assert.deepEqual(rows, [{ rows: 50, previous: 50 }]);
    });
  });
}

/** As the client tells a change. */
function intentOf(change: PolicyChange & { readonly change: "allow" }): ActFacts {
  const { role, action, domain, valuesPerDay, approveAbove } = change;
  const details = { change: "allow", role, action, values_per_day: valuesPerDay, approve_above: approveAbove };
  return { action: "policy", domain, amount: 0, list: "11".repeat(32), reason: "a reason", ticket: "T-1", details };
}

async function refusedAs(sqlState: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof DatabaseRefusal, String(error));
    assert.equal(error.failure.sqlState, sqlState);
    return true;
  });
}
