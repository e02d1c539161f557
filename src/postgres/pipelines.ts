import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

/** The short number under which a pipeline's receipts and ledger stand; given out at its first start. */
export async function registerPipeline(database: Database, schema: string, name: string): Promise<number> {
  const table = `${quoteName(schema)}.pipeline`;
  return database.transaction("registering the pipeline", async (query) => {
    // looked up first: ON CONFLICT would use up a number at every start
    const find = (): Promise<{ number: number }[]> => query(`SELECT number FROM ${table} WHERE name = $1`, [name]);
    let [row] = await find();
    if (row === undefined) {
      await query(`INSERT INTO ${table} (name) VALUES ($1) ON CONFLICT DO NOTHING`, [name]);
      [row] = await find();
    }
    return (row as { number: number }).number;
  });
}

/** Null for a pipeline that has never run. */
export async function findPipeline(database: Database, schema: string, name: string): Promise<number | null> {
  const sql = `SELECT number FROM ${quoteName(schema)}.pipeline WHERE name = $1`;
  const [row] = await database.query<{ number: number }>("looking for the pipeline", sql, [name]);
  return row?.number ?? null;
}
