import type { Database } from "./database.ts";
import { quoteName, quoteTable, type TableName } from "./names.ts";

/** A masked value that stands in the rows of several users. */
export type SharedValue = {
  readonly token: string;
  readonly users: number;
  readonly rows: number;
  /** Null where the contract has no column for the sent time. */
  readonly firstSeen: string | null;
  readonly lastSeen: string | null;
};

export interface DuplicatesQuestion {
  readonly table: TableName;
  /** The masked column whose equal values are looked for. */
  readonly column: string;
  /** The column that tells users apart. */
  readonly userColumn: string;
  /** The column that holds the sent time, where there is one. */
  readonly timeColumn: string | null;
  readonly limit: number;
}

/** Shared values, those with the most users first. */
export async function findDuplicates(database: Database, question: DuplicatesQuestion): Promise<readonly SharedValue[]> {
  const token = quoteName(question.column);
  const user = quoteName(question.userColumn);
  const time = question.timeColumn === null ? "NULL::text" : quoteName(question.timeColumn);
  return database.query<SharedValue>(
    "looking for duplicates",
    `SELECT ${token}::text AS token, count(DISTINCT ${user})::int AS users, count(*)::int AS rows,
            min(${time})::text AS "firstSeen", max(${time})::text AS "lastSeen"
     FROM ${quoteTable(question.table)} WHERE ${token} IS NOT NULL
     GROUP BY ${token} HAVING count(DISTINCT ${user}) > 1 ORDER BY users DESC, rows DESC, token LIMIT $1`,
    [question.limit],
  );
}
