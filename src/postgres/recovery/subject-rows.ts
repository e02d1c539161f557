import { MasklineError } from "../../errors.ts";
import type { HeldTokens } from "../../recovery/erasure-store.ts";
import { Comparisons } from "../comparisons.ts";
import type { Database, Query } from "../database.ts";
import { quoteName, quoteTable, showTable, type TableName } from "../names.ts";
import { textOf } from "../token-search.ts";

/** Where the subject's rows are found: by a column that holds the plain value. */
export interface SubjectPlace {
  readonly table: TableName;
  readonly column: string;
  readonly value: string;
}

/** Where a keyed mask's tokens stand. */
export interface MaskedPlace {
  /** For people: the column, or a path inside it. */
  readonly place: string;
  readonly column: string;
  /** The key ring alone opens them. */
  readonly reversible: boolean;
  /** Finds the tokens in one value of the column, as a text; null where the whole value is one. */
  readonly find: ((value: string) => readonly string[]) | null;
}

/** What there is in the subject's rows. */
export interface HeldByRows {
  /** Null where the table does not say whose a row is. */
  readonly rows: number | null;
  readonly oneWay: HeldTokens;
  readonly reversible: HeldTokens;
}

/** Of values that hold tokens: a document may have a megabyte. */
const fetchedRows = 200;

/** Rows of the target table that say that they are one subject's. */
export class SubjectRows {
  readonly #at: SubjectPlace;
  readonly #places: readonly MaskedPlace[];
  readonly #whole: readonly MaskedPlace[];

  constructor(at: SubjectPlace, places: readonly MaskedPlace[]) {
    this.#at = at;
    this.#places = places;
    this.#whole = places.filter(({ find }) => find === null);
  }

  /** @throws MasklineError `target_misfit` where a column that is to become NULL cannot */
  async requireNullable(database: Database): Promise<void> {
    const { table } = this.#at;
    const fixed = await database.query<{ name: string }>(
      "looking at the target's columns",
      `SELECT attname AS name FROM pg_catalog.pg_attribute
       WHERE attrelid = to_regclass($1)::oid AND attname = ANY ($2::text[]) AND attnotnull ORDER BY attnum`,
      [quoteTable(table), this.#whole.map(({ column }) => column)],
    );
    if (fixed.length === 0) return;
    throw new MasklineError("target_misfit", `NOT NULL columns of ${showTable(table)} cannot lose their tokens`, {
      details: fixed.map(({ name }) => `column ${name}`),
      next: "ALTER TABLE ... ALTER COLUMN ... DROP NOT NULL, or erase without --null-tokens",
    });
  }

  /** Which tokens the rows hold. Within a transaction: what lies inside documents and texts is read in parts. */
  async count(query: Query): Promise<HeldByRows> {
    const inside = this.#places.filter(({ find }) => find !== null);
    const columns = [...new Set(inside.map(({ column }) => column))];
    const held = `ARRAY[${this.#whole.map(({ column }) => `${quoteName(column)} IS NOT NULL`).join(", ")}]::boolean[]`;
    const alike = columns.length === 0;
    await query(
      `DECLARE subject_rows NO SCROLL CURSOR FOR
       SELECT ${held} AS held, ARRAY[${columns.map(textOf).join(", ")}]::text[] AS texts, ${alike ? "count(*)" : "1"}::float8 AS rows
       FROM ${quoteTable(this.#at.table)} WHERE ${await this.where(query)}${alike ? " GROUP BY 1" : ""}`,
      [this.#at.value],
    );
    let all = 0;
    const [oneWay, reversible] = [new HeldCount(), new HeldCount()];
    for (;;) {
      const rows = await query<{ held: boolean[]; texts: (string | null)[]; rows: number }>(
        `FETCH ${fetchedRows} FROM subject_rows`,
      );
      for (const row of rows) {
        const places = [
          ...this.#whole.filter((_, index) => row.held[index] === true),
          ...inside.filter(({ column, find }) => holds(find, row.texts[columns.indexOf(column)])),
        ];
        all += row.rows;
        oneWay.add(
          row.rows,
          places.filter((one) => !one.reversible),
        );
        reversible.add(
          row.rows,
          places.filter((one) => one.reversible),
        );
      }
      if (rows.length < fetchedRows) break;
    }
    await query("CLOSE subject_rows");
    return { rows: all, oneWay: oneWay.among(this.#places), reversible: reversible.among(this.#places) };
  }

  /**
   * Makes NULL of every token that is a column's whole value, with the search path of the user, whose triggers this fires.
   * @param where made by `where`, with another path
   * @returns how many rows lost any
   */
  async nullTokens(query: Query, where: string): Promise<number> {
    const tokens = this.#whole.map(({ column }) => quoteName(column));
    if (tokens.length === 0) return 0;
    const [changed] = await query<{ n: number }>(
      `WITH changed AS (UPDATE ${quoteTable(this.#at.table)} SET ${tokens.map((name) => `${name} = NULL`).join(", ")}
         WHERE ${where} AND (${tokens.map((name) => `${name} IS NOT NULL`).join(" OR ")}) RETURNING 1)
       SELECT count(*)::int AS n FROM changed`,
      [this.#at.value],
    );
    return changed?.n ?? 0;
  }

  /**
   * The condition that a row is the subject's: the value in the column's own type, so that an index of the user's serves. Texts that only a collation or a type like citext calls equal
   * are two subjects.
   */
  async where(query: Query): Promise<string> {
    const { table, column } = this.#at;
    const [found] = await query<{ type: string; isText: boolean }>(
      `SELECT quote_ident(tn.nspname) || '.' || quote_ident(t.typname) AS type, t.typcategory = 'S' AS "isText"
       FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
       WHERE a.attrelid = to_regclass($1)::oid AND a.attname = $2 AND NOT a.attisdropped`,
      [quoteTable(table), column],
    );
    if (found === undefined)
      throw new MasklineError("target_misfit", `there is no column ${column} in ${showTable(table)}`, {
        next: "run `maskline check --connect`",
      });
    const comparisons = await Comparisons.of(query, [found.type]);
    const equal = comparisons.compare(found.type, quoteName(column), "=", `$1::${found.type}`);
    const alike = `${quoteName(column)}::text COLLATE "C" = $1::${found.type}::text`;
    return found.isText ? `${equal} AND ${alike}` : equal;
  }
}

/** What may be held, by the contract alone, where nobody can tell whose a row is. */
export function heldByUnknownRows(places: readonly MaskedPlace[]): HeldByRows {
  const those = (reversible: boolean): HeldTokens => ({
    rows: null,
    columns: places.filter((one) => one.reversible === reversible).map(({ place }) => place),
  });
  return { rows: null, oneWay: those(false), reversible: those(true) };
}

class HeldCount {
  #rows = 0;
  readonly #places = new Set<MaskedPlace>();

  add(rows: number, places: readonly MaskedPlace[]): void {
    if (places.length > 0) this.#rows += rows;
    for (const place of places) this.#places.add(place);
  }

  among(places: readonly MaskedPlace[]): HeldTokens {
    return { rows: this.#rows, columns: places.filter((one) => this.#places.has(one)).map(({ place }) => place) };
  }
}

function holds(find: MaskedPlace["find"], text: string | null | undefined): boolean {
  return find !== null && text !== null && text !== undefined && find(text).length > 0;
}
