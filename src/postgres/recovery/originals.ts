import type { Database } from "../database.ts";
import { quoteName } from "../names.ts";
import { isSealedUnder, sealingIdHex } from "../sealed-under.ts";

/** The sealed originals that the vault has of these tokens, by token. */
export async function readOriginals(
  database: Database,
  schema: string,
  domain: string,
  tokens: readonly string[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const rows = await database.query<{ token: string; sealed: Buffer }>(
    "reading the vault",
    `SELECT token, sealed FROM ${quoteName(schema)}.vault WHERE domain = $1 AND token = ANY ($2::text[])`,
    // no text of a database holds NUL: one such line of a list must not stop the others
    [domain, [...new Set(tokens)].filter((token) => !token.includes("\0"))],
  );
  return new Map(rows.map(({ token, sealed }) => [token, sealed]));
}

/** How many originals are sealed under a key; none where the schema is older than the vault. */
export async function countOriginalsUnder(database: Database, schema: string, sealingId: number): Promise<number> {
  return countOriginals(database, schema, isSealedUnder, sealingIdHex(sealingId));
}

/** How many have a token of this root: only with it are the links of their subjects found. */
export async function countOriginalsOf(database: Database, schema: string, rootId: number): Promise<number> {
  return countOriginals(database, schema, "key_id = $1::bigint", String(rootId));
}

async function countOriginals(database: Database, schema: string, where: string, parameter: string): Promise<number> {
  const vault = `${quoteName(schema)}.vault`;
  return database.transaction(
    "counting what the vault has of a key",
    async (query) => {
      const [table] = await query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [vault]);
      if (table?.there !== true) return 0;
      const [row] = await query<{ n: number }>(`SELECT count(*)::float8 AS n FROM ${vault} WHERE ${where}`, [parameter]);
      return row?.n ?? 0;
    },
    { unhurried: true, unfiltered: true },
  );
}
