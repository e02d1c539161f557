import type pg from "pg";

import { Database } from "../../src/postgres/database.ts";

/**
 * The product's Database, and for what a test's file asks of it by itself (tables to make, rows to look at) the search path that psql has.
 * What the product asks through the very same object has the product's.
 */
export class TestDatabase extends Database {
  override query<Row extends pg.QueryResultRow>(doing: string, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    if (isAskedByProduct()) return super.query(doing, sql, parameters);
    return super.transaction(doing, (query) => query<Row>(sql, parameters), { userPath: true });
  }

  override transaction: Database["transaction"] = (doing, work, options) =>
    super.transaction(doing, work, isAskedByProduct() ? options : { userPath: true, ...options });
}

/** Whose file the call of one of the methods above stands in. */
function isAskedByProduct(): boolean {
  const [, , , caller = ""] = (new Error().stack ?? "").split("\n");
  return /\/src\/[^()]*\.ts/.test(caller);
}
