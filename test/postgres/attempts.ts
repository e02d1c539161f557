import type { Database } from "../../src/postgres/database.ts";

/** A database that counts what is asked of it inside transactions. */
export function countAttempts(database: Pick<Database, "transaction">): {
  readonly database: Pick<Database, "transaction">;
  readonly copies: () => number;
  readonly queries: () => number;
} {
  let copies = 0;
  let queries = 0;
  const counting: Pick<Database, "transaction"> = {
    transaction: (doing, work, options) =>
      database.transaction(
        doing,
        (query, prelude, copyIn, first) =>
          work(
            (sql, parameters) => {
              queries += 1;
              return query(sql, parameters);
            },
            prelude,
            (sql, rows) => {
              copies += 1;
              return copyIn(sql, rows);
            },
            first,
          ),
        options,
      ),
  };
  return { database: counting, copies: () => copies, queries: () => queries };
}
