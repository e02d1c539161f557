import { randomUUID } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import { type ActFacts, type Action, actions, listDigest } from "../../recovery/audit-entry.ts";
import { type Database, DatabaseRefusal } from "../database.ts";
import { quoteName } from "../names.ts";
import type { PostgresGovernance } from "./governance.ts";

/** What a policy can allow: the acts on personal values, and to be the second person of one. */
export type PolicyAction = Exclude<Action, "policy">;
export const policyActions: readonly PolicyAction[] = actions.filter((action) => action !== "policy");

/** Members of a role may do this. */
export type PolicyRow = {
  readonly role: string;
  readonly domain: string;
  readonly action: PolicyAction;
  /** Null for no limit. */
  readonly valuesPerDay: number | null;
  /** Of a day's values so many alone, more with a second person; null for no such limit. */
  readonly approveAbove: number | null;
  readonly changedBy: string;
  readonly changedAt: Date;
  /** Whether the database has such a role; a row of one that was dropped would hold for a new one of its name. */
  readonly roleExists: boolean;
};

/** For whoever may read the table. */
export async function listPolicy(database: Database, schema: string): Promise<readonly PolicyRow[]> {
  return database.query<PolicyRow>(
    "reading the policy",
    `SELECT role, domain, action, values_per_day AS "valuesPerDay", approve_above AS "approveAbove", changed_by AS "changedBy",
            changed_at AS "changedAt", EXISTS (SELECT FROM pg_roles WHERE rolname = role) AS "roleExists"
     FROM ${quoteName(schema)}.policy ORDER BY role COLLATE "C", domain COLLATE "C", action COLLATE "C"`,
  );
}

export type PolicyChange = {
  readonly role: string;
  readonly domain: string;
  readonly action: PolicyAction;
} & (
  | { readonly change: "allow"; readonly valuesPerDay: number | null; readonly approveAbove: number | null }
  | { readonly change: "deny" }
);

/** The limits that held before. */
export type PolicyBefore = { readonly values_per_day: number | null; readonly approve_above: number | null };

/**
 * Changes the policy and tells it in the audit, in one transaction. A refusal is told by itself.
 * @returns what held before; null for nothing
 * @throws MasklineError `right_missing`, `not_found` for a role or a row that is not there, `audit_unwritable`
 */
export async function changePolicy(
  governance: PostgresGovernance,
  schema: string,
  change: PolicyChange,
  why: { readonly reason: string; readonly ticket: string },
): Promise<PolicyBefore | null> {
  const act = randomUUID();
  const facts = factsOf(change, why);
  const { sql, parameters } = callOf(schema, change);
  try {
    return await governance.together(async (query, tell) => {
      if (change.change === "allow") {
        const roles = await query("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [change.role]);
        if (roles.length === 0) throw noRole(change);
      }
      await tell({ act, step: "intent", facts, outcome: null });
      const [row] = await query<{ before: PolicyBefore | null }>(sql, parameters);
      const before = row?.before ?? null;
      if (change.change === "deny" && before === null) throw nothingToDeny(change);
      await tell({ act, step: "result", facts, outcome: { before } });
      return before;
    });
  } catch (error) {
    const refusal = refusalOf(error);
    if (refusal === null) throw error;
    await governance.append({ act, step: "refusal", facts, outcome: { refused: refusal.told } });
    throw refusal.error;
  }
}

/** The function compares them with what it is asked for: they are named as it names them. */
function factsOf(change: PolicyChange, { reason, ticket }: { readonly reason: string; readonly ticket: string }): ActFacts {
  const { role, domain, action } = change;
  const limits = change.change === "allow" ? { values_per_day: change.valuesPerDay, approve_above: change.approveAbove } : {};
  const details = { change: change.change, role, action, ...limits };
  const list = listDigest([change.change, role, domain, action, JSON.stringify(limits)]).toString("hex");
  return { action: "policy", domain, amount: 0, list, reason, ticket, details };
}

function callOf(schema: string, change: PolicyChange): { readonly sql: string; readonly parameters: readonly unknown[] } {
  const own = quoteName(schema);
  const place = [change.role, change.domain, change.action];
  return change.change === "allow"
    ? {
        sql: `SELECT ${own}.set_policy($1, $2, $3, $4, $5) AS before`,
        parameters: [...place, change.valuesPerDay, change.approveAbove],
      }
    : { sql: `SELECT ${own}.drop_policy($1, $2, $3) AS before`, parameters: place };
}

function noRole({ role }: PolicyChange): MasklineError {
  return new MasklineError("not_found", `the database has no role ${quoteName(role)}`, {
    next: "name a role as \\du of psql shows it; maskline migrate --grants --apply makes those of maskline",
  });
}

function nothingToDeny({ role, domain, action }: PolicyChange): MasklineError {
  return new MasklineError("not_found", `the policy has no row that allows ${quoteName(role)} to ${action} in domain ${domain}`, {
    next: "maskline policy list shows what holds; a row of domain * is denied with --domain '*'",
  });
}

/** What is to be told of an error that is a refusal, and the error to show; null for any other. */
function refusalOf(error: unknown): { readonly told: string; readonly error: MasklineError } | null {
  if (!(error instanceof MasklineError)) return null;
  if (error.code === "not_found") return { told: "not_there", error };
  if (!(error instanceof DatabaseRefusal) || error.failure.sqlState !== "42501") return null;
  return {
    told: "no_right",
    error: new MasklineError("right_missing", "only whoever keeps the policy may change it", {
      next: "ask a member of the policy keeper's role (maskline migrate --grants)",
    }),
  };
}
