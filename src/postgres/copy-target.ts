import type { TextColumn } from "../contract/text-column.ts";
import { BinaryRows } from "./binary-copy.ts";
import { type FieldEncoder, fieldEncoder } from "./binary-fields.ts";
import { type CopyIn, CopyUnusable } from "./copy-in.ts";
import type { Query } from "./database.ts";
import { databaseFailure } from "./error-classes.ts";
import { quoteName, quoteTable, type TableName } from "./names.ts";
import type { BinaryTarget, TargetColumn } from "./target.ts";

/** Rows, and what COPY takes of them. */
export type Fields = readonly TextColumn[];

/** A table that binary COPY writes to. */
export class CopyTarget {
  readonly #sql: string;
  readonly #shapeSql: string;
  readonly #expected: string;
  readonly #encoders: readonly FieldEncoder[];

  private constructor(table: TableName, columns: readonly (TargetColumn & { readonly binary: BinaryTarget })[]) {
    const names = columns.map(({ name }) => quoteName(name)).join(", ");
    const numbers = columns.map(({ binary }) => Math.trunc(binary.number)).join(", ");
    // the name in hexadecimal digits: a text with two statements has no parameters
    const name = `pg_catalog.convert_from(pg_catalog.decode('${Buffer.from(quoteTable(table)).toString("hex")}', 'hex'), 'UTF8')`;
    this.#shapeSql = `SELECT pg_catalog.string_agg(pg_catalog.format('%s %s %s', attnum, atttypid, attname), E'\\n' ORDER BY attnum) AS shape
FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
WHERE attrelid = pg_catalog.to_regclass(${name})::oid AND attnum IN (${numbers}) AND NOT relhasrules`;
    this.#sql = `COPY ${quoteTable(table)} (${names}) FROM STDIN (FORMAT binary);\n${this.#shapeSql}`;
    this.#expected = [...columns]
      .sort((one, other) => one.binary.number - other.binary.number)
      .map((column) => `${column.binary.number} ${column.binary.type} ${column.name}`)
      .join("\n");
    this.#encoders = columns.map(({ binary }) => fieldEncoder(binary.receive));
  }

  /** Null where the table cannot be written to so. */
  static of(table: TableName, columns: readonly TargetColumn[]): CopyTarget | null {
    const known = columns.flatMap((column) => {
      const { binary = null } = column;
      return binary === null ? [] : [{ ...column, binary }];
    });
    return known.length === columns.length && columns.length > 0 ? new CopyTarget(table, known) : null;
  }

  /** Null where a text is not in the form that is known here. */
  fields(columns: readonly TextColumn[]): Fields | null {
    const fields: TextColumn[] = [];
    for (const [index, column] of columns.entries()) {
      const encoded = this.#encoders[index]?.(column) ?? null;
      if (encoded === null) return null;
      fields.push(encoded);
    }
    return fields;
  }

  /**
   * What was looked at when the run began is looked at again behind the rows: from then on COPY's own lock keeps the table as it is.
   * @param opening sent before it
   * @throws CopyUnusable, or the driver's error
   */
  async write(copyIn: CopyIn, rows: BinaryRows, opening: string = ""): Promise<void> {
    const [found] = await copyIn(opening + this.#sql, rows).catch((error: unknown) => {
      // row-level security, a view, a column that wants other bytes: whether it is COPY or the target, the statement will tell
      const { failureClass, sqlState } = databaseFailure(error);
      if (sqlState.startsWith("XX") || (failureClass === "misfit" && sqlState !== "42501")) throw new CopyUnusable();
      throw error;
    });
    if (found?.[0] !== this.#expected) throw new CopyUnusable();
  }

  /** For what is concluded from rows that were refused: they may have been read as something else. @throws CopyUnusable */
  async requireSame(query: Query, opening: string): Promise<void> {
    const [found] = await query<{ shape: string | null }>(opening + this.#shapeSql);
    if (found?.shape !== this.#expected) throw new CopyUnusable();
  }
}
