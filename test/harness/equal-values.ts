import pg from "pg";

import type { ConfiguredColumn } from "../../src/app/config/columns.ts";
import { createMasks } from "../../src/app/masks.ts";
import type { MaskKeys } from "../../src/keys/mask-keys.ts";
import { canOpen, type ReversibleMask, masksWhole } from "../../src/masks/mask.ts";
import { tokenPrefix } from "../../src/masks/token.ts";
import { duplicatesQuery } from "../../src/postgres/duplicates.ts";
import { quoteName } from "../../src/postgres/names.ts";
import { loginTable } from "./login-table.ts";

/** What was found wrong, without a value or token; and the rows by column and first six characters. */
export interface EqualityFindings {
  readonly faults: readonly string[];
  readonly rows: number;
  readonly byPrefix: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** How many of the values that several users share stand under more than one key: what makes the check worth something. */
  readonly mixed: number;
}

/**
 * Compares, in one snapshot of the database, what is true (every token opened with the ring) with what the view and the command
 * `duplicates` say of it.
 */
export async function checkEquality(url: string, ring: MaskKeys, columns: readonly ConfiguredColumn[]): Promise<EqualityFindings> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const faults: string[] = [];
    const byPrefix: Record<string, Record<string, number>> = {};
    let rows = 0;
    let mixed = 0;
    for (const { column, mask } of createMasks(columns, ring)) {
      if (mask === null || !masksWhole(mask) || !canOpen(mask) || mask.definition.domain === null) continue;
      const seen = await readColumn(client, column.name);
      rows = seen.length;
      byPrefix[column.name] = countBy(seen.map(({ token }) => token.slice(0, 6)));
      const found = compareColumn(seen, mask);
      mixed += found.mixed;
      faults.push(...found.faults.map((fault) => `${column.name}: ${fault}`));
      const { sql, parameters } = duplicatesQuery({
        table: loginTable,
        column: column.name,
        userColumn: "user_id",
        timeColumn: null,
        minUsers: 2,
        limit: 1_000_000,
        aliases: { schema: "maskline", domain: mask.definition.domain },
      });
      const { rows: shared } = await client.query<{ tokens: string[]; users: number; rows: number }>(sql, [...parameters]);
      faults.push(...compareShared(seen, shared, mask).map((fault) => `${column.name}, duplicates: ${fault}`));
    }
    await client.query("COMMIT");
    return { faults, rows, byPrefix, mixed };
  } finally {
    await client.end();
  }
}

interface SeenToken {
  readonly user: string;
  readonly token: string;
  /** What the view says stands for the value. */
  readonly equal: string;
}

async function readColumn(client: pg.Client, name: string): Promise<readonly SeenToken[]> {
  const { rows } = await client.query<SeenToken>(
    `SELECT user_id AS "user", ${quoteName(name)} AS token, ${quoteName(`${name}_equal`)} AS equal FROM user_logins_equal`,
  );
  return rows;
}

function compareColumn(seen: readonly SeenToken[], mask: ReversibleMask): { faults: string[]; mixed: number } {
  const faults: string[] = [];
  const values = open(seen, mask);
  const unopened = values.filter((value) => value === null).length;
  if (unopened > 0) faults.push(`${unopened} tokens do not open`);
  const equalOf = new Map<string, string>();
  const valueOf = new Map<string, string>();
  const prefixes = new Map<string, Set<string>>();
  let split = 0;
  let merged = 0;
  seen.forEach(({ token, equal }, row) => {
    const value = values[row] ?? "";
    if ((equalOf.get(value) ?? equal) !== equal) split += 1;
    if ((valueOf.get(equal) ?? value) !== value) merged += 1;
    equalOf.set(value, equal);
    valueOf.set(equal, value);
    prefixes.set(value, (prefixes.get(value) ?? new Set()).add(token.slice(0, 6)));
  });
  if (split > 0) faults.push(`${split} rows of equal values are not equal in the view`);
  if (merged > 0) faults.push(`${merged} rows of unequal values are equal in the view`);
  return { faults, mixed: [...prefixes.values()].filter(({ size }) => size > 1).length };
}

function compareShared(
  seen: readonly SeenToken[],
  shared: readonly { readonly tokens: readonly string[]; readonly users: number; readonly rows: number }[],
  mask: ReversibleMask,
): string[] {
  const values = open(seen, mask);
  const truth = new Map<string, { users: Set<string>; rows: number }>();
  seen.forEach(({ user }, row) => {
    const entry = truth.get(values[row] ?? "") ?? { users: new Set<string>(), rows: 0 };
    entry.users.add(user);
    entry.rows += 1;
    truth.set(values[row] ?? "", entry);
  });
  const expected = [...truth].filter(([, { users }]) => users.size > 1);
  const faults: string[] = [];
  if (shared.length !== expected.length) faults.push(`${shared.length} shared values, not ${expected.length}`);
  for (const { tokens, users, rows } of shared) {
    const of = new Set(mask.open(tokens).map((opened) => ("value" in opened ? opened.value : null)));
    const value = [...of][0] ?? null;
    const expectedOf = value === null ? undefined : truth.get(value);
    if (of.size !== 1 || expectedOf?.users.size !== users || expectedOf.rows !== rows)
      faults.push("a shared value has other users or rows");
  }
  return faults;
}

function open(seen: readonly SeenToken[], mask: ReversibleMask): readonly (string | null)[] {
  return mask.open(seen.map(({ token }) => token)).map((opened) => ("value" in opened ? opened.value : null));
}

function countBy(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** What `left(column, 6)` is for a key. */
export function prefixOf(keyId: number): string {
  return tokenPrefix(keyId);
}
