import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";

/** The short number under which a pipeline's receipts and ledger stand; given out at its first start. */
export async function registerPipeline(database: Database, schema: string, name: string): Promise<number> {
  const table = `${quoteName(schema)}.pipeline`;
  return database.transaction("registering the pipeline", async (query) => {
    // looked up first: ON CONFLICT would use up a number at every start
    const found = await pipelineNumber(query, schema, name);
    if (found !== null) return found;
    await query(`INSERT INTO ${table} (name) VALUES ($1) ON CONFLICT DO NOTHING`, [name]);
    return (await pipelineNumber(query, schema, name)) as number;
  });
}

/** Null for a pipeline that has never run. */
export async function findPipeline(database: Database, schema: string, name: string): Promise<number | null> {
  return database.transaction("looking for the pipeline", (query) => pipelineNumber(query, schema, name));
}

/** The same, inside a transaction. */
export async function pipelineNumber(query: Query, schema: string, name: string): Promise<number | null> {
  const [row] = await query<{ number: number }>(`SELECT number FROM ${quoteName(schema)}.pipeline WHERE name = $1`, [name]);
  return row?.number ?? null;
}
