import { MasklineError } from "../errors.ts";
import type { Rows } from "../pipeline/ports.ts";
import { selectRows } from "../pipeline/rows.ts";
import { BinaryRows } from "./binary-copy.ts";
import { type CopyIn, copyLines, CopyUnusable, type ToldRow, toldRow } from "./copy-in.ts";
import type { Fields } from "./copy-target.ts";
import type { Query } from "./database.ts";
import { type DatabaseFailure, databaseFailure, mayBeRow } from "./error-classes.ts";
import { columnParameters, type LoadStatements } from "./load-statement.ts";

/** Why rows were not taken, and which of them it was, where that is told: by its place, as `from` and `to` are. */
export interface Refused {
  readonly failure: DatabaseFailure;
  readonly told: ToldRow | null;
}

/** Tries the rows `from` up to `to`: null when the table takes them. Then they stay, for those that are tried after them. */
export type Attempt = (from: number, to: number) => Promise<Refused | null>;

const copyUnusable: readonly string[] = ["0A000", "42809", "22P04"];

/** Tries rows within one transaction: whatever is refused leaves no trace in it. */
export class RowTrial {
  readonly #query: Query;
  readonly #copyIn: CopyIn;
  readonly #statements: LoadStatements;
  readonly #rows: Rows;
  readonly #fields: Fields | null;
  #lines: readonly string[] | null = null;
  /** The rows that are tried; attempts count in it. */
  #places: readonly number[];
  /** Sent along with the next attempt, to save a round trip: what becomes of the savepoint of the last one. */
  #opening = "SAVEPOINT beginning; SAVEPOINT attempt";
  #begun = false;

  constructor(query: Query, copyIn: CopyIn, statements: LoadStatements, rows: Rows) {
    this.#query = query;
    this.#copyIn = copyIn;
    this.#statements = statements;
    this.#rows = rows;
    this.#fields = statements.copy.binary?.fields(rows.columns) ?? null;
    this.#places = rows.deliveries.map((_, place) => place);
  }

  get count(): number {
    return this.#rows.deliveries.length;
  }

  /** Takes back all that was tried, and goes on with these rows. */
  startAgain(places: readonly number[]): void {
    this.#places = places;
    if (this.#begun) this.#opening = "ROLLBACK TO SAVEPOINT beginning; SAVEPOINT attempt";
  }

  /** Rows by COPY, which says where it stopped. @throws CopyUnusable */
  readonly byCopy: Attempt = (from, to) =>
    this.#attempt(async () => {
      const { copy } = this.#statements;
      try {
        await this.#copy(from, to, `${this.#takeOpening()}; `);
        return null;
      } catch (error) {
        if (error instanceof CopyUnusable || copyUnusable.includes(databaseFailure(error).sqlState)) throw new CopyUnusable();
        const told = toldRow(error, copy.table);
        return { error, told: told === null || told.row >= to - from ? null : { ...told, row: from + told.row } };
      }
    });

  /** After rows were refused by COPY: whether the table is still what it was. @throws CopyUnusable */
  async requireSame(): Promise<void> {
    if (this.#fields === null) return;
    await this.#statements.copy.binary?.requireSame(this.#query, "ROLLBACK TO SAVEPOINT beginning; ");
  }

  async #copy(from: number, to: number, opening: string): Promise<void> {
    const { copy } = this.#statements;
    if (copy.binary !== null && this.#fields !== null) {
      const rows = new BinaryRows(this.#fields, to - from, this.#places, from);
      return copy.binary.write(this.#copyIn, rows, opening);
    }
    const lines = (this.#lines ??= copyLines(this.#rows));
    const text = this.#places.slice(from, to).map((place) => lines[place] as string);
    await this.#copyIn(`${opening}${copy.sql}`, Buffer.from(text.join("")));
  }

  /** Rows by the INSERT of the load, which says nothing. */
  readonly byInsert: Attempt = (from, to) =>
    this.#attempt(async () => {
      const places = this.#places.slice(from, to);
      await this.#query(this.#takeOpening());
      try {
        await this.#query(this.#statements.rows, columnParameters(selectRows(this.#rows, places)));
        return null;
      } catch (error) {
        return { error, told: null };
      }
    });

  #takeOpening(): string {
    const opening = this.#opening;
    this.#begun = true;
    this.#opening = "ROLLBACK TO SAVEPOINT attempt";
    return opening;
  }

  async #attempt(work: () => Promise<{ error: unknown; told: ToldRow | null } | null>): Promise<Refused | null> {
    const refused = await work();
    if (refused === null) {
      this.#opening = "RELEASE SAVEPOINT attempt; SAVEPOINT attempt";
      return null;
    }
    const { error, told } = refused;
    const failure = databaseFailure(error);
    if (error instanceof MasklineError || !mayBeRow(failure)) throw error;
    return { failure, told };
  }
}
