// Peer `sqs-consumer-batch`: as `sqs-consumer`, but its handler is given the (at most ten) messages of a receive together and writes them
// by one INSERT of several rows; the package deletes them by one call. Leaves out the same, and one message that cannot be read or written
// keeps its neighbours on the queue.
import pg from "pg";

import { parseTableName, quoteTable } from "../../src/postgres/names.ts";
import { columns, readRow, readSecret } from "./consumer-row.ts";
import { runConsumers } from "./consumers.ts";
import { readTask, untilTerminated } from "./task.ts";

const task = readTask();
const table = parseTableName(task.table);
if (table === null) throw new TypeError("BENCH_TABLE names no table");
const secret = readSecret(task.keyRing);
const pool = new pg.Pool({ connectionString: task.databaseUrl });
const into = `INSERT INTO ${quoteTable(table)} (${columns.join(", ")}) VALUES `;
/** A statement for each number of rows there can be. */
const inserts = Array.from({ length: 11 }, (_, rows) => into + Array.from({ length: rows }, (_row, row) => group(row)).join(", "));

function group(row: number): string {
  return `(${columns.map((_, place) => `$${row * columns.length + place + 1}`).join(", ")})`;
}

await runConsumers(task, untilTerminated(), {
  handleMessageBatch: async (messages) => {
    const text = inserts[messages.length] as string;
    const values = messages.flatMap((message) => readRow(message, secret));
    await pool.query({ name: `insert ${messages.length}`, text, values });
    return messages;
  },
});
await pool.end();
