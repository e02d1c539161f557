import { selectRows } from "../src/pipeline/rows.ts";
import type { Query } from "../src/postgres/database.ts";
import { databaseFailure } from "../src/postgres/error-classes.ts";
import { columnParameters, receiptParameters } from "../src/postgres/load-statement.ts";
import type { RefusedRow, RefusedRowSearch } from "../src/postgres/refused-rows.ts";

/** What one would write first: both halves of whatever is refused are tried, down to single rows, each in a savepoint of its own. */
export const plainBisection: RefusedRowSearch = async (database, statements, pipeline, rows) => {
  const refused: RefusedRow[] = [];
  const places = rows.ids.map((_, place) => place);
  const undone = new Error("undone");
  await database
    .transaction("bisecting", async (query) => {
      await query(statements.known, [pipeline, ...receiptParameters(rows)]);
      await search(query, places);
      throw undone;
    })
    .catch((error: unknown) => {
      if (error !== undone) throw error;
    });
  return { tried: rows.ids.length, refused };

  async function search(query: Query, tried: readonly number[]): Promise<void> {
    await query("SAVEPOINT attempt");
    try {
      await query(statements.rows, columnParameters(selectRows(rows, tried)));
      await query("RELEASE SAVEPOINT attempt");
    } catch (error) {
      await query("ROLLBACK TO SAVEPOINT attempt");
      const [only] = tried;
      if (tried.length === 1 && only !== undefined) {
        refused.push({ place: only, failure: databaseFailure(error) });
        return;
      }
      const middle = tried.length >> 1;
      await search(query, tried.slice(0, middle));
      await search(query, tried.slice(middle));
    }
  }
};
