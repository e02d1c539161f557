// Peer `sqs-consumer`: the TypeScript idiom. The npm package `sqs-consumer` calls a handler for each message, which parses it, masks two
// fields with createHmac, and inserts one row by a prepared, parameterised statement on a `pg` pool; the package deletes each message
// after its handler. Leaves out: the check against a contract, receipts (a redelivery is a second row), quarantine (what cannot be read
// stays on the queue), ledger, reversible tokens, key rotation, leases longer than the queue's timeout.
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
const insert = `INSERT INTO ${quoteTable(table)} (${columns.join(", ")}) VALUES (${columns.map((_, place) => `$${place + 1}`).join(", ")})`;

await runConsumers(task, untilTerminated(), {
  handleMessage: async (message) => {
    await pool.query({ name: "insert", text: insert, values: [...readRow(message, secret)] });
    return message;
  },
});
await pool.end();
