import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import type { Database } from "../../src/postgres/database.ts";
import { FailureBudget } from "../../src/postgres/failure-budget.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import type { TableName } from "../../src/postgres/names.ts";
import { registerPipeline } from "../../src/postgres/pipelines.ts";
import { PostgresSink, type PostgresSinkOptions } from "../../src/postgres/sink.ts";
import { checkTarget, type ColumnDemand } from "../../src/postgres/target.ts";
import { noLimits } from "../harness/login-table.ts";

/** The same server, by way of another user or into another database. */
export function otherwise(
  url: string,
  parts: { readonly user?: string; readonly password?: string; readonly database?: string },
): string {
  const other = new URL(url);
  if (parts.user !== undefined) other.username = parts.user;
  if (parts.password !== undefined) other.password = parts.password;
  if (parts.database !== undefined) other.pathname = `/${parts.database}`;
  return other.href;
}

let databases = 0;

/** A database of its own on the server; CREATE DATABASE wants no transaction around it. @returns its URL */
export async function ownDatabase(serverUrl: string, prefix: string): Promise<string> {
  databases += 1;
  const name = `${prefix}_${databases}`;
  const maker = await plainClient(serverUrl);
  try {
    await maker.query(`CREATE DATABASE ${name}`);
  } finally {
    await maker.end();
  }
  return otherwise(serverUrl, { database: name });
}

/** A connection without the product around it: for what wants no transaction, and for what plays the other side. */
export async function plainClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** Resolves once so many connections of ours wait for a lock, or one of `racers` has ended: then there is nothing to wait for. */
export async function untilWaiting(admin: pg.Client, count: number, racers: readonly Promise<unknown>[]): Promise<void> {
  let ended = false;
  const note = (): void => {
    ended = true;
  };
  for (const racer of racers) racer.then(note, note);
  while (!ended) {
    const { rows } = await admin.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'maskline' AND wait_event_type = 'Lock'`,
    );
    if ((rows[0]?.waiting ?? 0) >= count) return;
    await pause(5);
  }
}

/** A sink on any table, checked first as a run does. */
export async function openSinkOn(
  database: Database,
  table: TableName,
  demands: readonly ColumnDemand[],
  choices: Partial<PostgresSinkOptions> = {},
): Promise<PostgresSink> {
  await migrate(database, "maskline");
  const columns = await checkTarget(database, table, demands);
  const pipeline = await registerPipeline(database, "maskline", `${table.schema}.${table.table}`);
  return new PostgresSink(database, {
    schema: "maskline",
    table,
    columns,
    pipeline,
    budget: new FailureBudget(database, "maskline", pipeline, noLimits),
    contractHash: "test",
    describe: () => [],
    recheckTarget: async () => void (await checkTarget(database, table, demands)),
    ...choices,
  });
}

/** Every row of every table that is not PostgreSQL's own, as text, by table. */
export async function dumpTables(database: Database): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables = await database.query<{ name: string }>(
    "listing tables",
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
     WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
  );
  const dump: Record<string, readonly string[]> = {};
  for (const { name } of tables) {
    const rows = await database.query<{ row: string }>("dumping", `SELECT to_jsonb(t)::text AS row FROM ${name} AS t ORDER BY 1`);
    dump[name] = rows.map(({ row }) => row);
  }
  return dump;
}
