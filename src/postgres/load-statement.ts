import { TextColumn } from "../contract/text-column.ts";
import type { Delivery, Rows } from "../pipeline/ports.ts";
import { textArray, timeArray } from "./array-parameter.ts";
import { CopyTarget } from "./copy-target.ts";
import { quoteName, quoteTable, type TableName } from "./names.ts";
import { type ReceiptKey, receiptInsert, receiptSearch } from "./receipts.ts";
import type { TargetColumn } from "./target.ts";

/**
 * The texts of the load, fixed for a run: rows travel as one array a column, so any batch length has the same text and one plan.
 *
 * Receipts come first and decide: only a message whose receipt is new has an effect, so `ON CONFLICT DO NOTHING` makes every
 * redelivery harmless without asking anything of the user's table. They are inserted in key order (receipts.ts); rows keep the order
 * in which they came. A message that stands in the quarantine without such a receipt, from when it was known by something else, stays.
 *
 * What a batch has not is not in its text either: planning is most of what a small batch costs. Parameters: load-parameters.ts.
 */
export interface LoadStatements {
  /** The load in one statement. Answers with a `LoadAnswer`. */
  readonly load: (shape: LoadShape) => string;
  /** Which messages have a receipt. Parameters: pipeline, sent times, ids. Answers with their ids. */
  readonly known: string;
  /** Rows only, as `load` writes them. Parameters: one array a column. */
  readonly rows: string;
  /** Rows only, by COPY: as texts, or as a type's own bytes where that is possible. */
  readonly copy: { readonly sql: string; readonly table: string; readonly binary: CopyTarget | null };
  readonly skipsConflicts: boolean;
}

/** What was new in a load. */
export type LoadAnswer = {
  readonly quarantined: number;
  /** How many rows are in the table, or will be when they have followed by COPY. */
  readonly stored: number;
  /** Where the others stand, four bytes each, in their order: counted from 1, the refused behind the rows. Null when all were new. */
  readonly known: Buffer | null;
};

/** What of the load is chosen; the rest follows from the table. */
export interface LoadChoices {
  /** Left out: `sent`. */
  readonly receiptKey?: ReceiptKey;
  /** A row that clashes with a unique key of the table is left out, and its message counts as a duplicate. */
  readonly skipConflicts?: boolean;
  /** Of a refused message only the receipt stays, which says discarded. */
  readonly dropRefused?: boolean;
}

/** What is in a load. */
export interface LoadShape {
  /** Otherwise the place in a stream is the receipt of all of them. */
  readonly hasReceipts: boolean;
  /** Otherwise they follow by COPY, or there are none. */
  readonly hasRows: boolean;
  readonly hasRefused: boolean;
  readonly hasAliases: boolean;
}

/** Everything: what a probe tries. */
export const wholeShape: LoadShape = { hasReceipts: true, hasRows: true, hasRefused: true, hasAliases: true };

export function loadStatements(
  schema: string,
  target: TableName,
  columns: readonly TargetColumn[],
  { receiptKey = "sent", skipConflicts = false, dropRefused = false }: LoadChoices = {},
): LoadStatements {
  const names = columns.map((column) => quoteName(column.name)).join(", ");
  const places = columns.map((_, index) => `c${index}`).join(", ");
  const casts = columns.map((column, index) => `incoming.c${index}::${column.castType}`).join(", ");
  const conflicts = skipConflicts ? " ON CONFLICT DO NOTHING" : "";
  const insert = `INSERT INTO ${quoteTable(target)} (${names})
  SELECT ${casts} FROM incoming`;
  const parts: LoadParts = { schema, receiptKey, insert, conflicts, places, width: columns.length, dropRefused };
  const arrays = columns.map((_, index) => `$${index + 1}::text[]`);
  const messages = "unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id)";
  const copy = `COPY ${quoteTable(target)} (${names}) FROM STDIN`;
  const texts = new Map<string, string>();
  return {
    load: (shape) => {
      const name = JSON.stringify(shape);
      const text = texts.get(name) ?? loadText(parts, shape);
      texts.set(name, text);
      return text;
    },
    known: receiptSearch(schema, receiptKey, messages),
    rows: `WITH incoming AS (
  SELECT * FROM ${rowsOf(arrays)} WITH ORDINALITY AS incoming (${places}, position))
${insert} ORDER BY incoming.position${conflicts}`,
    copy: { sql: copy, table: target.table, binary: CopyTarget.of(target, columns) },
    skipsConflicts: skipConflicts,
  };
}

interface LoadParts {
  readonly schema: string;
  readonly receiptKey: ReceiptKey;
  readonly insert: string;
  readonly conflicts: string;
  readonly places: string;
  readonly width: number;
  readonly dropRefused: boolean;
}

/** Hands out the numbers of parameters, in the order of load-parameters.ts. */
class Numbers {
  #last = 0;

  next(type: string): string {
    this.#last += 1;
    return `$${this.#last}::${type}`;
  }

  list(types: readonly string[]): readonly string[] {
    return types.map((type) => this.next(type));
  }
}

const refusedTypes = ["timestamptz[]", "text[]", "text[]", "text[]", "text[]", "integer[]", "integer[]", "bytea[]", "bytea[]"];

function loadText({ schema, receiptKey, insert, conflicts, places, width, dropRefused }: LoadParts, shape: LoadShape): string {
  const { hasReceipts, hasRows, hasRefused, hasAliases } = shape;
  const own = quoteName(schema);
  const numbers = new Numbers();
  const pipeline = numbers.next("smallint");
  const position = numbers.list(["uuid", "smallint", "integer", "bigint", "integer"]).join(", ");
  const total = numbers.next("integer");
  const contractHash = hasRefused ? numbers.next("text") : "";
  const masks = hasRefused ? numbers.next("jsonb") : "";
  const refusals = hasRefused ? numbers.list(refusedTypes) : [];
  const [times, ids] = hasReceipts ? numbers.list(["timestamptz[]", "text[]"]) : [];
  const rowCount = hasReceipts ? "" : numbers.next("integer");
  const arrays = hasRows ? numbers.list(Array.from({ length: width }, () => "text[]")) : [];

  const skips = conflicts !== "" && hasRows;
  const newRows = hasReceipts ? "count(*) FILTER (WHERE outcome = 'loaded')" : rowCount;
  const refusedCount = hasRefused ? `pg_catalog.cardinality(${refusals[1]})` : "0";
  const refusedOutcome = dropRefused ? "'discarded'" : "'quarantined'";
  const quarantined = hasReceipts ? `count(*) FILTER (WHERE outcome = ${refusedOutcome})` : refusedCount;

  const parts: string[] = [];
  if (hasReceipts || hasRows) {
    const names = [...(hasReceipts ? ["sent_at", "id"] : []), ...(hasRows ? [places] : []), "position"].join(", ");
    const all = [...(times === undefined || ids === undefined ? [] : [times, ids]), ...arrays];
    parts.push(`incoming AS (
  SELECT * FROM ${rowsOf(all)} WITH ORDINALITY AS incoming (${names}))`);
  }
  if (hasRefused) {
    parts.push(`refused AS (
  SELECT * FROM unnest(${refusals.join(", ")}) WITH ORDINALITY
    AS refused (sent_at, id, reason, faults, structure, body_bytes, attempt, sealed, subject, position))`);
  }
  if (hasReceipts) {
    const refused = hasRefused ? ` UNION ALL SELECT sent_at, id, ${refusedOutcome} FROM refused` : "";
    parts.push(`receipt AS (
  ${receiptInsert(schema, receiptKey, `SELECT sent_at, id, 'loaded' AS outcome FROM incoming${refused}`)})`);
  }
  if (hasRows) {
    // RETURNING a constant counts what was inserted and needs no right to read the table
    parts.push(`loaded AS (
  ${insert}${hasReceipts ? " JOIN receipt ON receipt.id = incoming.id AND receipt.outcome = 'loaded'" : ""}
  ORDER BY incoming.position${conflicts}${skips ? " RETURNING 1" : ""})`);
  }
  if (hasRefused) {
    parts.push(`quarantined AS (
  INSERT INTO ${own}.quarantine
    (pipeline, sent_at, id, reason, faults, structure, body_bytes, attempt, contract_hash, masks, sealed, subject)
  SELECT ${pipeline}, sent_at, refused.id, reason, faults::jsonb, structure::jsonb, body_bytes, attempt, ${contractHash}, ${masks}, sealed, subject
  FROM refused${hasReceipts ? " JOIN receipt ON receipt.id = refused.id AND receipt.outcome = 'quarantined'" : ""}${dropRefused ? " WHERE false" : ""}
  ON CONFLICT DO NOTHING)`);
  }
  parts.push(
    `counted AS (
  SELECT ${skips ? "(SELECT count(*) FROM loaded)" : newRows}::integer AS stored, ${quarantined}::integer AS quarantined${
    hasReceipts ? ", count(*) AS receipts FROM receipt" : ""
  })`,
    `ledger AS (
  INSERT INTO ${own}.ledger (pipeline, run, lane, sequence, received, returned, loaded, quarantined, duplicate)
  SELECT ${pipeline}, ${position}, stored, quarantined, ${total} - stored - quarantined FROM counted)`,
  );
  if (hasAliases) {
    const anchor = numbers.next("bigint");
    parts.push(aliasInsert(schema, anchor, numbers.list(["text[]", "text[]", "text[]"])));
  }
  const known = hasReceipts && ids !== undefined ? knownPlaces(ids, hasRefused ? refusedCount : null) : "NULL::bytea";
  return `WITH ${parts.join(", ")}
SELECT quarantined, stored, ${known} AS known FROM counted`;
}

/** Side by side. Of a single array `unnest` would be looked for in the search path (`userPath`), where one for texts may fit better. */
function rowsOf(arrays: readonly string[]): string {
  return `ROWS FROM (${arrays.map((array) => `pg_catalog.unnest(${array})`).join(", ")})`;
}

/** Null where all were new: then nothing is looked for. */
function knownPlaces(ids: string, refusedCount: string | null): string {
  const more = refusedCount === null ? "" : ` UNION ALL SELECT id, position + pg_catalog.cardinality(${ids}) FROM refused`;
  return `CASE WHEN receipts < pg_catalog.cardinality(${ids})${refusedCount === null ? "" : ` + ${refusedCount}`} THEN (
    SELECT string_agg(int4send(position::integer), ''::bytea ORDER BY position) FROM (
      SELECT id, position FROM incoming${more}) AS arrived
    WHERE NOT EXISTS (SELECT FROM receipt WHERE receipt.id = arrived.id)) END`;
}

/** Writes aliases in the order of their key: two loads that share values would otherwise deadlock. `columns`: domains, tokens, canonical tokens. */
export function aliasInsert(schema: string, anchor: string, columns: readonly string[]): string {
  return `alias AS (
  INSERT INTO ${quoteName(schema)}.token_alias (anchor, domain, token, canonical)
  SELECT ${anchor}, domain, token, canonical FROM unnest(${columns.join(", ")}) AS alias (domain, token, canonical)
  ORDER BY domain COLLATE "C", token COLLATE "C"
  ON CONFLICT DO NOTHING)`;
}

/** Sent times and ids, as receipts are keyed. The time is `infinity` for a source that does not say: such receipts are never pruned. */
export function receiptParameters({ deliveries, ids }: Pick<Rows, "deliveries" | "ids">): readonly [Buffer, Buffer] {
  return [sentTimes(deliveries), textArray(TextColumn.of(ids))];
}

export function columnParameters(rows: Rows): readonly Buffer[] {
  return rows.columns.map((column) => textArray(column));
}

export function sentTimes(deliveries: readonly Delivery[]): Buffer {
  return timeArray(deliveries.map(({ sentAtMs }) => sentAtMs));
}
