import pg from "pg";

import { type Statement, statementMessages, sync } from "./extended-messages.ts";

type Row = Record<string, unknown>;
interface Field {
  readonly name: string;
  readonly dataTypeID: number;
}

/**
 * Statements that are sent in one piece, with one Sync behind them all: when one of them fails, the server passes over the rest. Nothing
 * is decided on the way, and no round trip is waited for. The driver has queries of one statement only.
 */
class TogetherQuery implements pg.Submittable {
  /** Replaced by the driver when it watches the time. */
  callback: (error: Error | null) => void;
  readonly answers: Row[][] = [];
  /** To be seen on their way, as the text of the driver's own queries is. */
  readonly statements: readonly Statement[];
  #fields: readonly Field[] = [];
  #rows: Row[] = [];

  constructor(statements: readonly Statement[], callback: (error: Error | null) => void) {
    this.statements = statements;
    this.callback = callback;
  }

  submit(connection: pg.Connection): void {
    const messages = [...this.statements.flatMap(statementMessages), sync];
    // in one piece: a system call costs more than the copy
    connection.stream.write(Buffer.concat(messages));
  }

  handleRowDescription({ fields }: { readonly fields: readonly Field[] }): void {
    this.#fields = fields;
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const row: Row = {};
    for (const [index, { name, dataTypeID }] of this.#fields.entries()) {
      const text = fields[index] ?? null;
      row[name] = text === null ? null : pg.types.getTypeParser(dataTypeID, "text")(text);
    }
    this.#rows.push(row);
  }

  handleCommandComplete(): void {
    this.answers.push(this.#rows);
    this.#rows = [];
  }

  handleError(error: Error): void {
    this.callback(error);
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }

  handleEmptyQuery(): void {}
  handleCopyInResponse(): void {}
  handleCopyData(): void {}
}

/** Sends statements together. Answers with the rows of those that succeeded, and with the driver's error of the one that did not. */
export function sendTogether(
  client: pg.ClientBase,
  statements: readonly Statement[],
): Promise<{ readonly answers: readonly Row[][]; readonly error: Error | null }> {
  return new Promise((resolve) => {
    const query = new TogetherQuery(statements, (error) => resolve({ answers: query.answers, error }));
    client.query(query);
  });
}
