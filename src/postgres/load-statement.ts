import { TextColumn } from "../contract/text-column.ts";
import type { Delivery, Rows } from "../pipeline/ports.ts";
import { textArray, timeArray } from "./array-parameter.ts";
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
 * Parameters: `loadParameters` in load-parameters.ts.
 */
export interface LoadStatements {
  /** The whole load in one statement. Answers with a `LoadAnswer`. */
  readonly load: string;
  /** All of it but the rows, which follow by COPY; no aliases: they come after the rows. Answers with a `LoadAnswer`. */
  readonly receive: string;
  /** Of a step of a stream, whose place is the receipt: the whole load. Answers with a `LoadAnswer`. */
  readonly step: string;
  /** The same without rows and aliases. */
  readonly receiveStep: string;
  /** Which messages have a receipt. Parameters: pipeline, sent times, ids. Answers with their ids. */
  readonly known: string;
  /** Rows only, as `load` writes them. Parameters: one array a column. */
  readonly rows: string;
  /** Rows only, by COPY. */
  readonly copy: { readonly sql: string; readonly binarySql: string; readonly table: string };
  readonly skipsConflicts: boolean;
}

/** What was new in a load. */
export type LoadAnswer = {
  readonly quarantined: number;
  /** How many rows are in the table; null where it is not known, since they follow by COPY. */
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
}

export function loadStatements(
  schema: string,
  target: TableName,
  columns: readonly TargetColumn[],
  { receiptKey = "sent", skipConflicts = false }: LoadChoices = {},
): LoadStatements {
  const names = columns.map((column) => quoteName(column.name)).join(", ");
  const places = columns.map((_, index) => `c${index}`).join(", ");
  const casts = columns.map((column, index) => `incoming.c${index}::${column.castType}`).join(", ");
  const conflicts = skipConflicts ? " ON CONFLICT DO NOTHING" : "";
  const insert = `INSERT INTO ${quoteTable(target)} (${names})
  SELECT ${casts} FROM incoming`;
  const parts = { schema, receiptKey, insert, conflicts, places, width: columns.length };
  const arrays = columns.map((_, index) => `$${index + 1}::text[]`).join(", ");
  const messages = "unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id)";
  const copy = `COPY ${quoteTable(target)} (${names}) FROM STDIN`;
  return {
    load: loadText({ ...parts, hasReceipts: true, hasRows: true }),
    receive: loadText({ ...parts, hasReceipts: true, hasRows: false }),
    step: loadText({ ...parts, hasReceipts: false, hasRows: true }),
    receiveStep: loadText({ ...parts, hasReceipts: false, hasRows: false }),
    known: receiptSearch(schema, receiptKey, messages),
    rows: `WITH incoming AS (
  SELECT * FROM unnest(${arrays}) WITH ORDINALITY AS incoming (${places}, position))
${insert} ORDER BY incoming.position${conflicts}`,
    copy: { sql: copy, binarySql: `${copy} (FORMAT binary)`, table: target.table },
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
  /** Otherwise the place in a stream is the receipt of all of them. */
  readonly hasReceipts: boolean;
  /** Otherwise they follow by COPY. */
  readonly hasRows: boolean;
}

function loadText({ schema, receiptKey, insert, conflicts, places, width, hasReceipts, hasRows }: LoadParts): string {
  const own = quoteName(schema);
  const [times, ids] = ["$17::timestamptz[]", "$18::text[]"];
  const next = hasReceipts ? 19 : 18;
  const arrays = hasRows ? Array.from({ length: width }, (_, index) => `$${next + index}::text[]`) : [];
  const incoming = {
    arrays: [...(hasReceipts ? [times, ids] : []), ...arrays].join(", "),
    names: [...(hasReceipts ? ["sent_at", "id"] : []), ...(hasRows ? [places] : []), "position"].join(", "),
  };
  const skips = conflicts !== "";
  const counted = hasReceipts ? "count(*) FILTER (WHERE outcome = 'loaded')" : "$17::integer";
  const loaded = skips && hasRows ? "(SELECT count(*) FROM loaded)" : counted;
  const quarantined = hasReceipts ? "count(*) FILTER (WHERE outcome = 'quarantined')" : "cardinality($3::text[])";
  const counts = hasReceipts ? " FROM receipt" : "";

  const parts = [
    `refused AS (
  SELECT * FROM unnest($2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[], $9::bytea[])
    WITH ORDINALITY AS refused (sent_at, id, reason, faults, structure, body_bytes, attempt, sealed, position))`,
  ];
  if (hasReceipts || hasRows) {
    parts.push(`incoming AS (
  SELECT * FROM unnest(${incoming.arrays}) WITH ORDINALITY AS incoming (${incoming.names}))`);
  }
  if (hasReceipts) {
    const arriving = "SELECT sent_at, id, 'loaded' AS outcome FROM incoming UNION ALL SELECT sent_at, id, 'quarantined' FROM refused";
    parts.push(`receipt AS (
  ${receiptInsert(schema, receiptKey, arriving)})`);
  }
  if (hasRows) {
    // RETURNING a constant counts what was inserted and needs no right to read the table
    parts.push(`loaded AS (
  ${insert}${hasReceipts ? " JOIN receipt ON receipt.id = incoming.id AND receipt.outcome = 'loaded'" : ""}
  ORDER BY incoming.position${conflicts}${skips ? " RETURNING 1" : ""})`);
  }
  parts.push(
    `quarantined AS (
  INSERT INTO ${own}.quarantine (pipeline, sent_at, id, reason, faults, structure, body_bytes, attempt, contract_hash, sealed)
  SELECT $1::smallint, sent_at, refused.id, reason, faults::jsonb, structure::jsonb, body_bytes, attempt, $10::text, sealed
  FROM refused${hasReceipts ? " JOIN receipt ON receipt.id = refused.id AND receipt.outcome = 'quarantined'" : ""}
  ON CONFLICT DO NOTHING)`,
    `ledger AS (
  INSERT INTO ${own}.ledger (run, lane, sequence, pipeline, received, returned, loaded, quarantined, duplicate)
  SELECT $11::uuid, $12::smallint, $13::integer, $1::smallint, $14::bigint, $15::integer,
    ${loaded}, ${quarantined}, $16::integer - ${loaded} - ${quarantined}${counts})`,
  );
  if (hasRows) {
    const [anchor, ...texts] = [0, 1, 2, 3].map((offset) => next + width + offset);
    parts.push(
      aliasInsert(
        schema,
        `$${anchor}::bigint`,
        texts.map((place) => `$${place}::text[]`),
      ),
    );
  }
  const known = hasReceipts ? knownPlaces(ids) : "NULL::bytea";
  return `WITH ${parts.join(", ")}
SELECT ${quarantined}::integer AS quarantined, ${loaded}::integer AS stored, ${known} AS known${counts}`;
}

/** Null where all were new: then nothing is looked for. */
function knownPlaces(ids: string): string {
  return `CASE WHEN count(*) < cardinality(${ids}) + cardinality($3::text[]) THEN (
    SELECT string_agg(int4send(position::integer), ''::bytea ORDER BY position) FROM (
      SELECT id, position FROM incoming UNION ALL SELECT id, position + cardinality(${ids}) FROM refused) AS arrived
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
