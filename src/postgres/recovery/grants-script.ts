import { MasklineError } from "../../errors.ts";
import { type Database, ownPath } from "../database.ts";
import { defaultSequences } from "../default-sequences.ts";
import { equalityViewName, sharedViewName } from "../duplicates.ts";
import { quoteLiteral, quoteName, quoteTable, showTable, type TableName } from "../names.ts";
import type { DatabaseRole, Right, TargetPart } from "./database-role.ts";
import { databaseRoles } from "./grants.ts";

/** The table that is loaded, and what the contract calls its columns. */
export interface GrantTarget {
  readonly table: TableName;
  readonly columns: readonly string[];
  /** Those that hold tokens. */
  readonly masked: readonly string[];
}

export interface GrantOptions {
  readonly schema: string;
  /** What the names of the roles begin with. */
  readonly prefix: string;
  readonly target: GrantTarget;
}

/** PostgreSQL cuts longer names off (NAMEDATALEN). */
const longestName = 63;

/** @throws MasklineError `usage` for a prefix that makes no name of a role */
export function roleName(prefix: string, { name }: Pick<DatabaseRole, "name">): string {
  const whole = `${prefix}_${name}`;
  const next = "--prefix NAME, as in NAME_writer";
  if (prefix === "" || /\p{Cc}/u.test(prefix)) throw new MasklineError("usage", "a prefix that is no name", { next });
  if (whole.startsWith("pg_")) throw new MasklineError("usage", "PostgreSQL keeps names that begin with pg_ for itself", { next });
  if (Buffer.byteLength(whole) > longestName)
    throw new MasklineError("usage", `the role's name would be longer than ${longestName} bytes: ${whole}`, { next });
  return whole;
}

/** Why nothing is granted on a view, and how it comes to be. */
export const noView =
  "there is no such view yet; maskline duplicates --apply-view makes the ones that a contract can have, then grant again";

/** Any number that is ours alone: GRANT on one object at a time, or PostgreSQL gives up with "tuple concurrently updated". */
const grantLock = 7_145_210_337;

/**
 * SQL that makes the roles and gives them their rights: exactly these in maskline's schema, what they had there before is taken back. Safe to
 * repeat; meant for one transaction.
 */
export function grantStatements(options: GrantOptions): readonly string[] {
  const own = quoteName(options.schema);
  const roles = databaseRoles.map((role) => ({ role, quoted: quoteName(roleName(options.prefix, role)) }));
  const all = roles.map(({ quoted }) => quoted).join(", ");
  return [
    `SELECT pg_advisory_xact_lock(${grantLock})`,
    ...roles.map(({ quoted, role }) => creation(roleName(options.prefix, role), quoted)),
    ...["TABLES", "FUNCTIONS"].map((kind) => `REVOKE ALL ON ALL ${kind} IN SCHEMA ${own} FROM ${all}`),
    `GRANT USAGE ON SCHEMA ${own} TO ${all}`,
    ...roles.flatMap(({ role, quoted }) =>
      role.rights.map((right) => `-- ${role.name}: ${right.why}\n${grant(right, quoted, options)}`),
    ),
  ];
}

/** As one script, for whoever may run SQL where the user may not. */
export function grantScript(options: GrantOptions): string {
  const members = databaseRoles.map((role) => `-- GRANT ${quoteName(roleName(options.prefix, role))} TO …;  ${role.does}\n`);
  return `BEGIN;\n${ownPath};\n${grantStatements(options).join(";\n")};\nCOMMIT;\n\n-- nobody is a member yet:\n${members.join("")}`;
}

/**
 * Tells which views there are none of, so that nothing was granted on them.
 * @throws MasklineError `target_misfit` where the table is not there, `database_denied` for who may not create roles or grant
 */
export async function applyGrants(database: Database, options: GrantOptions): Promise<readonly TableName[]> {
  const { table } = options.target;
  return database.transaction("granting", async (query) => {
    const [found] = await query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [quoteTable(table)]);
    if (found?.there !== true) {
      throw new MasklineError("target_misfit", `there is no table ${showTable(table)} to grant rights on`, {
        next: "create it first; maskline check --connect says what it needs",
      });
    }
    for (const statement of grantStatements(options)) await query(statement);
    const missing: TableName[] = [];
    for (const view of viewsOf(table)) {
      const [seen] = await query<{ there: boolean }>(`SELECT ${isView("$1")} AS there`, [quoteTable(view)]);
      if (seen?.there !== true) missing.push(view);
    }
    return missing;
  });
}

/** Roles are the server's, the lock is the database's: another database of it may make them in the same moment. */
function creation(name: string, quoted: string): string {
  return block(`IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = ${quoteLiteral(name)}) THEN
    BEGIN
      CREATE ROLE ${quoted} NOLOGIN;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;`);
}

function grant(right: Right, role: string, { schema, target }: GrantOptions): string {
  const own = quoteName(schema);
  if ("target" in right) return targetGrant(right.may, right.target, role, target);
  if ("functions" in right) {
    return `GRANT ${right.may} ON FUNCTION ${right.functions.map((name) => `${own}.${name}`).join(", ")} TO ${role}`;
  }
  const tables = right.tables.map((name) => `${own}.${quoteName(name)}`).join(", ");
  return `GRANT ${right.may}${right.columns === undefined ? "" : columnList(right.columns)} ON ${tables} TO ${role}`;
}

function targetGrant(may: string, part: TargetPart, role: string, { table, columns, masked }: GrantTarget): string {
  const name = quoteTable(table);
  switch (part) {
    case "whole":
      return `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${role};\nGRANT ${may} ON ${name} TO ${role}`;
    case "contract":
      return `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${role};\nGRANT ${may}${columnList(columns)} ON ${name} TO ${role}`;
    case "masked":
      return masked.length === 0
        ? "-- no column is masked"
        : `GRANT USAGE ON SCHEMA ${quoteName(table.schema)} TO ${role};\n${maskedGrant(name, role, masked)}`;
    case "sequences":
      return sequencesGrant(may, role, name, columns);
    case "views":
      return viewsOf(table)
        .map((view) => viewGrant(may, role, view))
        .join(";\n");
  }
}

/** The views of `maskline duplicates`, whether they are there or not. */
function viewsOf(table: TableName): readonly TableName[] {
  return [equalityViewName(table), sharedViewName(table)];
}

/** Something else may have the name: a table of the user's is not for whoever reads the view. */
function viewGrant(may: string, role: string, view: TableName): string {
  const name = quoteTable(view);
  return block(`IF ${isView(quoteLiteral(name))} THEN
    GRANT ${may} ON ${name} TO ${role};
  ELSE
    RAISE NOTICE 'nothing granted on %: ${noView}', ${quoteLiteral(showTable(view))};
  END IF;`);
}

function isView(name: string): string {
  return `EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid = to_regclass(${name}) AND relkind = 'v')`;
}

function sequencesGrant(may: string, role: string, table: string, columns: readonly string[]): string {
  const named = `ARRAY[${columns.map(quoteLiteral).join(", ")}]::text[]`;
  return block(
    `FOR numbers IN SELECT DISTINCT filled.sequence FROM (${defaultSequences(`${quoteLiteral(table)}::regclass`, named)}) AS filled LOOP
    EXECUTE ${quoteLiteral(`GRANT ${may} ON SEQUENCE `)} || numbers::text || ${quoteLiteral(` TO ${role}`)};
  END LOOP;`,
    "numbers regclass;",
  );
}

/** A rekey walks the rows of each partition by their places: by itself, so that rights on the table as a whole are not enough. */
function maskedGrant(table: string, role: string, masked: readonly string[]): string {
  const rights = `GRANT SELECT${columnList(["ctid", ...masked])}, UPDATE${columnList(masked)} ON `;
  return block(
    `FOR part IN WITH RECURSIVE tree AS (
      SELECT ${quoteLiteral(table)}::regclass::oid AS oid UNION SELECT inhrelid FROM tree JOIN pg_catalog.pg_inherits ON inhparent = tree.oid)
    SELECT tree.oid::regclass FROM tree LOOP
    EXECUTE ${quoteLiteral(rights)} || part::text || ${quoteLiteral(` TO ${role}`)};
  END LOOP;`,
    "part regclass;",
  );
}

function columnList(columns: readonly string[]): string {
  return ` (${columns.map(quoteName).join(", ")})`;
}

/** An anonymous block. Its quotation mark is one that the text, in which there are names of the user's, does not hold. */
function block(text: string, declared: string = ""): string {
  let tag = "$grants$";
  for (let number = 1; text.includes(tag); number += 1) tag = `$grants${number}$`;
  return `DO ${tag}${declared === "" ? "" : ` DECLARE ${declared}`} BEGIN\n  ${text}\nEND ${tag}`;
}
