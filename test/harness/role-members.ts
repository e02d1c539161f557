import { starterTable } from "../../src/app/starter.ts";
import { type GrantOptions, grantStatements } from "../../src/postgres/recovery/grants-script.ts";
import { databaseRoles } from "../../src/postgres/recovery/grants.ts";
import type { GovernedDatabase } from "./governed-database.ts";
import { loginDemands, loginTable } from "./login-table.ts";

/** The roles as `migrate --grants` makes them, on user_logins. */
export const loginGrants: GrantOptions = {
  schema: "maskline",
  prefix: "maskline",
  target: { table: loginTable, columns: loginDemands.map(({ name }) => name), masked: ["masked_ip", "masked_device_id"] },
};

/** Makes the login table, the roles, and a person who is a member of each and of nothing else, by the role's own name. */
export async function giveRoles(place: GovernedDatabase): Promise<void> {
  await place.admin.query(starterTable);
  await place.admin.query(grantStatements(loginGrants).join(";\n"));
  for (const { name } of databaseRoles) await enlist(place, name, name);
}

/** A person who may log in, as a member of one of the roles. */
export async function enlist(place: GovernedDatabase, person: string, role: string): Promise<void> {
  await place.admin.query(
    `DO $$ BEGIN CREATE ROLE ${person} LOGIN PASSWORD '${person}'; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
     GRANT maskline_${role} TO ${person}`,
  );
}

/** What the audit tells, in its order: the step, and what came of it. */
export async function told(place: GovernedDatabase): Promise<readonly (readonly [step: string, outcome: unknown])[]> {
  const { rows } = await place.admin.query<{ step: string; outcome: unknown }>(
    "SELECT entry::json ->> 'step' AS step, entry::json -> 'outcome' AS outcome FROM maskline.audit ORDER BY sequence",
  );
  return rows.map(({ step, outcome }) => [step, outcome]);
}
