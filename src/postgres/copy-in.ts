import type { Writable } from "node:stream";

import type pg from "pg";

import type { Rows } from "../pipeline/ports.ts";

/** Runs a text whose last statement is `COPY ... FROM STDIN`, and gives it its rows. Rejects with the driver's error. */
export type CopyIn = (sql: string, rows: Buffer) => Promise<void>;

/** The part of the driver's connection that COPY goes through. */
interface CopyConnection {
  readonly stream: Writable;
  query(text: string): void;
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

/** Small against what a socket takes, so that little is sent in vain once a row has been refused. */
const pieceBytes = 65_536;

/** What the driver asks of a query of its own (its Query class); it has none for COPY. */
class CopyInQuery implements pg.Submittable {
  /** Replaced by the driver when it watches the time. */
  callback: (error: Error | null) => void;
  readonly #sql: string;
  readonly #rows: Buffer;
  #ended = false;

  constructor(sql: string, rows: Buffer, callback: (error: Error | null) => void) {
    this.#sql = sql;
    this.#rows = rows;
    this.callback = callback;
  }

  submit(connection: pg.Connection): void {
    connection.query(this.#sql);
  }

  handleCopyInResponse(connection: CopyConnection): void {
    this.#send(connection, 0);
  }

  #send(connection: CopyConnection, from: number): void {
    for (let start = from; start < this.#rows.length; start += pieceBytes) {
      // The server has said what it thinks of the rows, and reads no more of them.
      if (this.#ended) return;
      if (connection.stream.writableNeedDrain) {
        connection.stream.once("drain", () => this.#send(connection, start));
        return;
      }
      connection.sendCopyFromChunk(this.#rows.subarray(start, start + pieceBytes));
    }
    if (!this.#ended) connection.endCopyFrom();
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
  handleDataRow(): void {}
  handleEmptyQuery(): void {}
  handleCopyData(): void {}
}

export function copyInThrough(client: pg.ClientBase): CopyIn {
  return (sql, rows) =>
    new Promise((resolve, reject) => {
      client.query(new CopyInQuery(sql, rows, (error) => (error === null ? resolve() : reject(error))));
    });
}

/** Rows as the lines of COPY's text format, each with its end: what a type reads from text reaches it as in the load. */
export function copyLines(rows: Rows): readonly string[] {
  return rows.ids.map((_, row) => `${rows.columns.map((column) => copyField(column.at(row))).join("\t")}\n`);
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
