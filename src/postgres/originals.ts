import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

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
    [domain, [...new Set(tokens)]],
  );
  return new Map(rows.map(({ token, sealed }) => [token, sealed]));
}

/** How many originals are sealed under a key; none where the schema is older than the vault. Bytes 2 to 5 are the key's id (keys/sealing.ts). */
export async function countOriginalsUnder(database: Database, schema: string, sealingId: number): Promise<number> {
  const vault = `${quoteName(schema)}.vault`;
  return database.transaction(
    "counting what is sealed under a key",
    async (query) => {
      const [table] = await query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [vault]);
      if (table?.there !== true) return 0;
      const [row] = await query<{ sealed: number }>(
        `SELECT count(*)::float8 AS sealed FROM ${vault} WHERE substring(sealed FROM 2 FOR 4) = decode($1, 'hex')`,
        [sealingId.toString(16).padStart(8, "0")],
      );
      return row?.sealed ?? 0;
    },
    { unhurried: true, unfiltered: true },
  );
}
