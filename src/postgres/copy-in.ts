import type { Writable } from "node:stream";

import type pg from "pg";

import type { Rows } from "../pipeline/ports.ts";

/**
 * Runs a text with one `COPY ... FROM STDIN`, and gives it its rows. Answers with the rows of its other statements, as texts. Rejects with
 * the driver's error.
 */
export type CopyIn = (sql: string, rows: Uint8Array | CopyRows) => Promise<readonly TextRow[]>;

export type TextRow = readonly (string | null)[];

/** The table cannot be written to by COPY (row-level security, a view), or COPY does not understand us: the rows say nothing about that. */
export class CopyUnusable extends Error {}

/** Rows that are written as they are sent. */
export interface CopyRows {
  /** The next message of the protocol (CopyData), whole; null when there is none. It is sent before the next one is asked for. */
  next(): Buffer | null;
}

/** The part of the driver's connection that COPY goes through. */
interface CopyConnection {
  readonly stream: Writable;
  query(text: string): void;
  endCopyFrom(): void;
}

/** Small against what a socket takes, so that little is sent in vain once a row has been refused. */
const pieceBytes = 65_536;

/** Rows that have been written, as messages of a size. */
class TextPieces implements CopyRows {
  readonly #rows: Uint8Array;
  #start = 0;

  constructor(rows: Uint8Array) {
    this.#rows = rows;
  }

  next(): Buffer | null {
    if (this.#start >= this.#rows.length) return null;
    const piece = this.#rows.subarray(this.#start, this.#start + pieceBytes);
    this.#start += pieceBytes;
    const head = Buffer.from([0x64, 0, 0, 0, 0]);
    head.writeInt32BE(piece.length + 4, 1);
    return Buffer.concat([head, piece]);
  }
}

/** What the driver asks of a query of its own (its Query class); it has none for COPY. */
class CopyInQuery implements pg.Submittable {
  /** Replaced by the driver when it watches the time. */
  callback: (error: Error | null) => void;
  readonly answers: TextRow[] = [];
  readonly #sql: string;
  readonly #rows: CopyRows;
  #ended = false;

  constructor(sql: string, rows: CopyRows, callback: (error: Error | null) => void) {
    this.#sql = sql;
    this.#rows = rows;
    this.callback = callback;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    const { stream } = connection;
    // The server that has said what it thinks of the rows reads no more of them.
    while (!this.#ended) {
      const message = this.#rows.next();
      if (message === null) return connection.endCopyFrom();
      let isSent = false;
      let waits = false;
      stream.write(message, () => {
        isSent = true;
        if (waits) this.handleCopyInResponse(connection);
      });
      // nothing is left of it here: its bytes may change
      if (isSent || stream.writableLength === 0) continue;
      waits = true;
      return;
    }
  }

  handleError(error: Error): void {
    this.#ended = true;
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.#ended = true;
    this.callback(null);
  }

  handleCommandComplete(): void {}
  handleRowDescription(): void {}
  handleDataRow({ fields }: { readonly fields: TextRow }): void {
    this.answers.push(fields);
  }
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
}

export function copyInThrough(client: pg.ClientBase): CopyIn {
  return (sql, rows) =>
    new Promise((resolve, reject) => {
      const pieces = rows instanceof Uint8Array ? new TextPieces(rows) : rows;
      const query = new CopyInQuery(sql, pieces, (error) => (error === null ? resolve(query.answers) : reject(error)));
      client.query(query);
    });
}

/** Rows as the lines of COPY's text format, each with its end: what a type reads from text reaches it as in the load. */
export function copyLines(rows: Rows): readonly string[] {
  return rows.deliveries.map((_, row) => `${rows.columns.map((column) => copyField(column.at(row))).join("\t")}\n`);
}

/** https://www.postgresql.org/docs/10/sql-copy.html, "Text Format": a backslash before what would end the field, the row or the data. */
function copyField(value: string | null): string {
  if (value === null) return String.raw`\N`;
  return /[\\\t\n\r]/.test(value) ? value.replaceAll(/[\\\t\n\r]/g, (character) => escapes[character] ?? character) : value;
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** The row that COPY stopped at. */
export interface ToldRow {
  /** Counted from 0, within what was sent. */
  readonly row: number;
  /**
   * COPY itself says so, and nothing else stands beside it. Otherwise a trigger's words or a value with line ends stand there too,
   * in which a line of COPY's could be imitated: then it is a hint.
   */
  readonly certain: boolean;
}

/**
 * Reads the line number out of the CONTEXT of a COPY that failed, and nothing else: the rest holds the row. "COPY user_logins, line 7,
 * column ..." is written in the server's language, so any word stands for "line"; languages that put it otherwise (Japanese, Korean)
 * tell nothing. Triggers after the row, and what is checked at the statement's end, have no line.
 */
export function toldRow(error: unknown, table: string): ToldRow | null {
  const where: unknown = typeof error === "object" && error !== null ? Reflect.get(error, "where") : undefined;
  if (typeof where !== "string") return null;
  const head = `COPY ${table}, `;
  const lines = where.split("\n");
  const told = lines.flatMap((line) => {
    const found = line.startsWith(head) ? /^[^\s\d,:]+ (\d{1,9})(?!\d)/.exec(line.slice(head.length)) : null;
    return found === null ? [] : [Number(found[1])];
  });
  const [line] = told;
  if (line === undefined || line < 1 || told.length > 1) return null;
  return { row: line - 1, certain: lines.length === 1 };
}
