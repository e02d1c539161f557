import type { LedgerPosition } from "../pipeline/ports.ts";
import type { Database } from "./database.ts";
import { quoteName } from "./names.ts";

/**
 * Notes what a lane has received before it is loaded; the lane's former note goes. It only informs: it can be lost with the server, and
 * a note that comes late does no harm, since the greatest counts.
 */
export async function noteIntake(
  database: Database,
  schema: string,
  pipeline: number,
  position: LedgerPosition,
  halt?: AbortSignal,
): Promise<void> {
  const { run, lane, sequence, received } = position;
  const intake = `${quoteName(schema)}.intake`;
  const sql = `WITH former AS (DELETE FROM ${intake} WHERE run = $1 AND lane = $2 AND sequence < $3)
    INSERT INTO ${intake} (run, lane, sequence, pipeline, received) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`;
  const parameters = [run, lane, sequence, pipeline, received];
  const first = [{ sql, parameters }];
  await database.transaction("noting what was received", async () => {}, { first, commitsAlong: true, mayBeLost: true, halt });
}

/** Of a lane whose ledger says all there is to say. */
export async function forgetIntake(
  database: Pick<Database, "transaction">,
  schema: string,
  { run, lane }: LedgerPosition,
): Promise<void> {
  const sql = `DELETE FROM ${quoteName(schema)}.intake WHERE run = $1 AND lane = $2`;
  await database.transaction("forgetting what was received", (query) => query(sql, [run, lane]), { mayBeLost: true });
}
