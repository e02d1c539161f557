import type { Database } from "../database.ts";
import { quoteName } from "../names.ts";

/** How a message left the quarantine: by whom, and in which act of the audit. */
export type LeftQuarantine = {
  readonly pipeline: string;
  readonly outcome: "loaded" | "duplicate" | "discarded";
  readonly leftAt: Date;
  readonly actor: string;
  readonly act: string;
  /** Why it stood there. */
  readonly reason: string;
};

/** The first first; none where it never stood there, still does, or left before that was kept. */
export async function findExits(database: Database, schema: string, id: string): Promise<readonly LeftQuarantine[]> {
  const own = quoteName(schema);
  return database.query<LeftQuarantine>(
    "looking how a message left the quarantine",
    `SELECT pipeline.name AS pipeline, found.outcome, found.left_at AS "leftAt", found.actor, found.act, found.reason
     FROM ${own}.pipeline JOIN ${own}.quarantine_exit AS found ON found.pipeline = pipeline.number AND found.id = $1
     ORDER BY found.left_at, found.act`,
    [id],
  );
}
