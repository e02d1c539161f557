import type pg from "pg";

import type { Right, TargetPart } from "../../src/postgres/recovery/database-role.ts";
import { type GrantOptions, type GrantTarget, roleName } from "../../src/postgres/recovery/grants-script.ts";
import { databaseRoles } from "../../src/postgres/recovery/grants.ts";

const privileges = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"];

export type Rights = Readonly<Record<string, readonly string[]>>;

/** What the roles have: "SELECT trip", "UPDATE trip (resumed_at)", "EXECUTE approve(uuid, bytea)". */
export function declared({ prefix, target }: GrantOptions, made: Made = {}): Rights {
  return Object.fromEntries(
    databaseRoles.map((role) => [
      roleName(prefix, role),
      [...new Set(role.rights.flatMap((right) => ("target" in right ? onTarget(right, target, made) : spelled(right))))].sort(),
    ]),
  );
}

/** What of the user's own is there beside the table. */
export interface Made {
  readonly views?: readonly string[];
  readonly sequences?: readonly string[];
}

function onTarget(
  right: Right & { readonly target: TargetPart },
  { table: { table }, columns, masked }: GrantTarget,
  { views = [], sequences = [] }: Made,
): readonly string[] {
  const each = (names: readonly string[]): readonly string[] =>
    right.may.split(", ").flatMap((may) => names.map((name) => `${may} ${name}`));
  switch (right.target) {
    case "whole":
      return each([table]);
    case "contract":
      return each(columns.map((column) => `${table} (${column})`));
    case "masked":
      return [`SELECT ${table} (ctid)`, ...each(masked.map((column) => `${table} (${column})`))];
    case "views":
      return each(views);
    case "sequences":
      return each(sequences);
  }
}

function spelled(right: Right): readonly string[] {
  const columns = "tables" in right ? (right.columns ?? null) : null;
  return right.may
    .split(", ")
    .flatMap((may) =>
      objects(right).flatMap((on) => (columns === null ? [`${may} ${on}`] : columns.map((column) => `${may} ${on} (${column})`))),
    );
}

export function objects(right: Right): readonly string[] {
  if ("target" in right) return [];
  return "tables" in right ? right.tables : right.functions;
}

/** In maskline's schema and in that of the table. */
export async function found(admin: pg.Client, { schema, prefix, target }: GrantOptions): Promise<Rights> {
  const rights: Record<string, readonly string[]> = {};
  for (const role of databaseRoles) {
    const name = roleName(prefix, role);
    const own = await rightsOf(admin, schema, name);
    rights[name] = [...own, ...(await rightsOf(admin, target.table.schema, name))].sort();
  }
  return rights;
}

export async function rightsOf(admin: pg.Client, schema: string, role: string): Promise<ReadonlySet<string>> {
  const { rows } = await admin.query<{ told: string }>(
    `SELECT privilege || ' ' || relname AS told FROM pg_class, unnest($3::text[]) AS privilege
     WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind IN ('r', 'v', 'p')
       AND has_table_privilege($2, pg_class.oid, privilege)
     UNION ALL
     SELECT privilege || ' ' || relname || ' (' || attname || ')' FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'REFERENCES']) AS privilege
     WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind IN ('r', 'v', 'p') AND NOT attisdropped
       AND NOT has_table_privilege($2, pg_class.oid, privilege) AND has_column_privilege($2, pg_class.oid, attnum, privilege)
     UNION ALL
     SELECT privilege || ' ' || relname FROM pg_class, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS privilege
     WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
       AND CASE WHEN relkind = 'S' THEN has_sequence_privilege($2, pg_class.oid, privilege) END
     UNION ALL
     SELECT 'EXECUTE ' || proname || '(' || pg_get_function_identity_arguments(pg_proc.oid) || ')' FROM pg_proc
     WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
       AND has_function_privilege($2, pg_proc.oid, 'EXECUTE')`,
    [schema, role, privileges],
  );
  return new Set(rows.map(({ told }) => (told.startsWith("EXECUTE ") ? unnamed(told) : told)));
}

export async function tables(admin: pg.Client, schema: string): Promise<readonly string[]> {
  const { rows } = await admin.query<{ relname: string }>(
    "SELECT relname FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND relkind IN ('r', 'v', 'p')",
    [schema],
  );
  return rows.map(({ relname }) => relname);
}

export async function functions(admin: pg.Client, schema: string): Promise<readonly string[]> {
  const { rows } = await admin.query<{ told: string }>(
    `SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ')' AS told FROM pg_proc
     WHERE pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)`,
    [schema],
  );
  return rows.map(({ told }) => unnamed(told));
}

/** A function's types without the names of its arguments and those it only returns. */
function unnamed(told: string): string {
  return told.replace(/\((.*)\)$/, (whole, list: string) => {
    if (!/^\w+ \w/.test(list) && !list.startsWith("OUT ")) return whole;
    const types = list.split(", ").flatMap((part) => (part.startsWith("OUT ") ? [] : [part.replace(/^\w+ /, "")]));
    return `(${types.join(", ")})`;
  });
}
