import { TextColumn } from "../contract/text-column.ts";
import type { Delivery, Rows } from "../pipeline/ports.ts";
import { textArray } from "./array-parameter.ts";
import { quoteName, quoteTable, type TableName } from "./names.ts";
import { type ReceiptKey, receiptInsert, receiptSearch } from "./receipts.ts";
import type { TargetColumn } from "./target.ts";

/**
 * The texts of the load, fixed for a run: rows travel as one array a column, so any batch length has the same text and one plan.
 *
 * Receipts come first and decide: only a message whose receipt is new has an effect, so `ON CONFLICT DO NOTHING` makes every
 * redelivery harmless without asking anything of the user's table. They are inserted in key order (receipts.ts); rows keep the order
 * in which they came. A message that stands in the quarantine without such a receipt, from when it was known by something else, stays.
 */
export interface LoadStatements {
  /** Parameters: see `#parameters` in sink.ts. Answers with the id and outcome of every receipt that was new. */
  readonly load: string;
  /** Which messages have a receipt. Parameters: pipeline, sent times, ids. Answers with their ids. */
  readonly known: string;
  /** Rows only, as `load` writes them. Parameters: one array a column. */
  readonly rows: string;
  /** Rows only, by COPY. */
  readonly copy: { readonly sql: string; readonly table: string };
  readonly skipsConflicts: boolean;
}

/** What of the load is chosen; the rest follows from the table. */
export interface LoadChoices {
  /** Left out: `sent`. */
  readonly receiptKey?: ReceiptKey;
  /** A row that clashes with a unique key of the table is left out, and its message counts as a duplicate. */
  readonly skipConflicts?: boolean;
}

export function loadStatements(
  schema: string,
  target: TableName,
  columns: readonly TargetColumn[],
  { receiptKey = "sent", skipConflicts = false }: LoadChoices = {},
): LoadStatements {
  const own = quoteName(schema);
  const names = columns.map((column) => quoteName(column.name)).join(", ");
  const casts = columns.map((column, index) => `incoming.c${index}::${column.castType}`).join(", ");
  const rows = columns.map((_, index) => `c${index}`).join(", ");
  const arrays = columns.map((_, index) => `$${index + 4}::text[]`).join(", ");

  const incoming = `incoming AS (
  SELECT * FROM unnest($2::timestamptz[], $3::text[], ${arrays}) WITH ORDINALITY AS incoming (sent_at, id, ${rows}, position))`;
  const insert = `INSERT INTO ${quoteTable(target)} (${names})
  SELECT ${casts} FROM incoming`;
  const conflicts = skipConflicts ? " ON CONFLICT DO NOTHING" : "";
  // RETURNING a constant counts what was inserted and needs no right to read the table
  const loaded = `loaded AS (
  ${insert} JOIN receipt ON receipt.id = incoming.id AND receipt.outcome = 'loaded'
  ORDER BY incoming.position${conflicts}${skipConflicts ? " RETURNING 1" : ""})`;
  const loadedCount = skipConflicts ? "(SELECT count(*) FROM loaded)" : "count(*) FILTER (WHERE outcome = 'loaded')";
  const quarantinedCount = "count(*) FILTER (WHERE outcome = 'quarantined')";

  const messages = "unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id)";
  const known = receiptSearch(schema, receiptKey, messages);
  const onlyArrays = columns.map((_, index) => `$${index + 1}::text[]`).join(", ");
  const onlyRows = `WITH incoming AS (
  SELECT * FROM unnest(${onlyArrays}) WITH ORDINALITY AS incoming (${rows}, position))
${insert} ORDER BY incoming.position${conflicts}`;
  const copy = { sql: `COPY ${quoteTable(target)} (${names}) FROM STDIN`, table: target.table };

  const arriving = "SELECT sent_at, id, 'loaded' AS outcome FROM incoming UNION ALL SELECT sent_at, id, 'quarantined' FROM refused";
  const next = columns.length + 4;
  const parameter = (offset: number, type: string): string => `$${next + offset}::${type}`;
  const load = `WITH ${incoming}, refused AS (
  SELECT * FROM unnest(${parameter(0, "timestamptz[]")}, ${parameter(1, "text[]")}, ${parameter(2, "text[]")}, ${parameter(3, "text[]")},
    ${parameter(4, "text[]")}, ${parameter(5, "integer[]")}, ${parameter(6, "integer[]")}, ${parameter(7, "bytea[]")})
  AS refused (sent_at, id, reason, faults, structure, body_bytes, attempt, sealed)), receipt AS (
  ${receiptInsert(schema, receiptKey, arriving)}), ${loaded}, quarantined AS (
  INSERT INTO ${own}.quarantine (pipeline, sent_at, id, reason, faults, structure, body_bytes, attempt, contract_hash, sealed)
  SELECT $1::smallint, sent_at, refused.id, reason, faults::jsonb, structure::jsonb, body_bytes, attempt, ${parameter(8, "text")}, sealed
  FROM refused JOIN receipt ON receipt.id = refused.id AND receipt.outcome = 'quarantined'
  ON CONFLICT DO NOTHING), ledger AS (
  INSERT INTO ${own}.ledger (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
  SELECT ${parameter(9, "uuid")}, ${parameter(10, "smallint")}, ${parameter(11, "integer")}, $1::smallint,
    ${parameter(12, "bigint")}, ${parameter(13, "integer")},
    ${loadedCount}, ${quarantinedCount}, ${parameter(14, "integer")} - ${loadedCount} - ${quarantinedCount}
  FROM receipt), ${aliasInsert(
    schema,
    parameter(15, "bigint"),
    [16, 17, 18].map((offset) => parameter(offset, "text[]")),
  )}
SELECT id, outcome${skipConflicts ? `, ${loadedCount}::integer AS stored` : ""} FROM receipt`;
  return { load, known, rows: onlyRows, copy, skipsConflicts: skipConflicts };
}

/** Writes aliases in the order of their key: two loads that share values would otherwise deadlock. `columns`: domains, tokens, canonical tokens. */
export function aliasInsert(schema: string, anchor: string, columns: readonly string[]): string {
  return `alias AS (
  INSERT INTO ${quoteName(schema)}.token_alias (anchor, domain, token, canonical)
  SELECT ${anchor}, domain, token, canonical FROM unnest(${columns.join(", ")}) AS alias (domain, token, canonical)
  ORDER BY domain COLLATE "C", token COLLATE "C"
  ON CONFLICT DO NOTHING)`;
}

/** Sent times, ids and columns, in the order the statement takes them. */
export function rowParameters(rows: Rows): readonly unknown[] {
  return [...receiptParameters(rows), ...columnParameters(rows)];
}

export function receiptParameters(rows: Pick<Rows, "deliveries" | "ids">): readonly unknown[] {
  return [rows.deliveries.map(sentAtParameter), textArray(TextColumn.of(rows.ids))];
}

export function columnParameters(rows: Rows): readonly unknown[] {
  return rows.columns.map((column) => textArray(column));
}

/** The receipt's time. `infinity` for a source that does not say: such receipts are never pruned. */
export function sentAtParameter(delivery: Delivery): string {
  return delivery.sentAtMs === null ? "infinity" : new Date(delivery.sentAtMs).toISOString();
}
