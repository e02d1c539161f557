import type { Database } from "../database.ts";
import { quoteName } from "../names.ts";
import type { PruneScope } from "../prune.ts";

const pageRows = 5_000;
/** `$1` is the pipeline, `$2` the days. */
const isOld = "pipeline = $1 AND left_at < now() - make_interval(days => $2)";

interface Page {
  readonly removed: number;
  readonly read: number;
  readonly act: string;
  readonly sentAt: string;
  readonly id: string;
}

/**
 * Removes what was written down of messages that left the quarantine so many days ago: in the order of their key, a page a transaction. Two
 * at once are not in each other's way: what is gone is gone.
 */
export async function pruneExits(database: Database, { schema, pipeline, days }: PruneScope, stop: AbortSignal): Promise<number> {
  const table = `${quoteName(schema)}.quarantine_exit`;
  const sql = `WITH old AS (
      SELECT ctid AS place, act, sent_at, id FROM ${table}
      WHERE ${isOld} AND (act, pipeline, sent_at, id) > ($3::uuid, $1::smallint, $4::timestamptz, $5::text)
      ORDER BY act, pipeline, sent_at, id LIMIT ${pageRows}), gone AS (
      DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT place FROM old)) AND ${isOld} RETURNING 1)
    SELECT (SELECT count(*)::int FROM gone) AS removed, (SELECT count(*)::int FROM old) AS read, act, sent_at::text AS "sentAt", id
    FROM old ORDER BY act DESC, sent_at DESC, id DESC LIMIT 1`;
  let removed = 0;
  let from: readonly unknown[] | null = ["00000000-0000-0000-0000-000000000000", "-infinity", ""];
  while (from !== null && !stop.aborted) {
    const parameters: readonly unknown[] = [pipeline, days, ...from];
    const [page]: Page[] = await database.transaction("pruning what left the quarantine", (query) => query<Page>(sql, parameters));
    removed += page?.removed ?? 0;
    from = page === undefined || page.read < pageRows ? null : [page.act, page.sentAt, page.id];
  }
  return removed;
}

/** What `pruneExits` would remove. */
export async function countOldExits(database: Database, { schema, pipeline, days }: PruneScope): Promise<number> {
  const [row] = await database.transaction(
    "counting what left the quarantine",
    (query) =>
      query<{ exits: number }>(`SELECT count(*)::float8 AS exits FROM ${quoteName(schema)}.quarantine_exit WHERE ${isOld}`, [
        pipeline,
        days,
      ]),
    { unhurried: true },
  );
  return row?.exits ?? 0;
}
