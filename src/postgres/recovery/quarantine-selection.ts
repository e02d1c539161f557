import type { QuarantineKey } from "../../recovery/replay-store.ts";
import type { Database } from "../database.ts";
import { quoteName } from "../names.ts";

/** Which messages of a pipeline are meant: all that every given part fits. */
export interface Selection {
  readonly ids: readonly string[] | null;
  readonly reason: string | null;
  /** The contract's path of the first fault; "" for the body as a whole. */
  readonly path: string | null;
}

export interface SelectedMessage extends QuarantineKey {
  readonly bodyBytes: number;
  /** How the contract of then treated each field, in JSON; null where nobody wrote it down. */
  readonly masks: string | null;
}

/** A sent time in ms as the database keeps it; null for `infinity`. */
export const sentAtMsSql: string = `round(extract(epoch FROM nullif(quarantine.sent_at, 'infinity'))::numeric * 1000::numeric)::float8`;

/** In the order in which they were sent. */
export async function selectQuarantined(
  database: Database,
  schema: string,
  pipeline: string,
  { ids, reason, path }: Selection,
): Promise<readonly SelectedMessage[]> {
  const own = quoteName(schema);
  const rows = await database.query<SelectedMessage & Record<string, unknown>>(
    "listing the quarantine",
    `SELECT quarantine.id, ${sentAtMsSql} AS "sentAtMs", body_bytes AS "bodyBytes", masks::text AS masks
     FROM ${own}.quarantine JOIN ${own}.pipeline ON pipeline.number = quarantine.pipeline
     WHERE pipeline.name = $1 AND ($2::text[] IS NULL OR quarantine.id = ANY ($2)) AND ($3::text IS NULL OR reason = $3)
       AND ($4::text IS NULL OR coalesce(faults -> 0 ->> 'path', '') = $4)
     ORDER BY quarantine.sent_at, quarantine.id`,
    [pipeline, ids, reason, path],
  );
  // the same text in most of them: kept once
  const texts = new Map<string, string>();
  const once = (text: string): string => texts.get(text) ?? (texts.set(text, text), text);
  return rows.map(({ id, sentAtMs, bodyBytes, masks }) => ({
    id,
    sentAtMs,
    bodyBytes,
    masks: masks === null ? null : once(masks),
  }));
}
