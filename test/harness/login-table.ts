import { starterTable } from "../../src/app/starter.ts";
import { TextColumn } from "../../src/contract/text-column.ts";
import type { FailureLimits } from "../../src/pipeline/failure-limits.ts";
import type { Batch, Delivery, LedgerPosition, Outcome, Refusal, Rows, Settlement } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { FailureBudget } from "../../src/postgres/failure-budget.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { quoteName, type TableName } from "../../src/postgres/names.ts";
import { registerPipeline } from "../../src/postgres/pipelines.ts";
import type { ReceiptKey } from "../../src/postgres/receipts.ts";
import type { RefusedRowSearch } from "../../src/postgres/refused-rows.ts";
import { PostgresSink } from "../../src/postgres/sink.ts";
import { checkTarget, type ColumnDemand } from "../../src/postgres/target.ts";
import { TestDatabase } from "./test-database.ts";

export const loginTable: TableName = { schema: "public", table: "user_logins" };

/** What the login contract gives the table, by column. */
export const loginDemands: readonly ColumnDemand[] = [
  { name: "user_id", form: "text", longest: 128, mayBeNull: false },
  { name: "device_type", form: "text", longest: 32, mayBeNull: false },
  { name: "masked_ip", form: "token", longest: 50, mayBeNull: false },
  { name: "masked_device_id", form: "token", longest: 250, mayBeNull: false },
  { name: "locale", form: "text", longest: 32, mayBeNull: true },
  { name: "app_version", form: "integer", longest: null, mayBeNull: true },
  { name: "create_date", form: "date", longest: null, mayBeNull: true },
];

export function connect(url: string, connections: number = 3): Database {
  return new TestDatabase({ url, tls: null, caFile: null, connections, connectTimeoutMs: 10_000 });
}

/** Where refused messages are what a test is about, and however many. */
export const noLimits: FailureLimits = { refused: null, share: null, window: 1_000 };

/** A sink on an empty user_logins, with `extra` SQL run on it first. */
export async function openLoginSink(
  database: Database,
  schema: string = "maskline",
  extra: string = "",
  receiptKey: ReceiptKey = "sent",
): Promise<PostgresSink> {
  await database.query("clearing", "DROP TABLE IF EXISTS user_logins");
  await database.query("clearing", `DROP SCHEMA IF EXISTS ${quoteName(schema)} CASCADE`);
  await database.query("creating", starterTable);
  await migrate(database, schema);
  const sink = await loginSinkOn(database, schema, { receiptKey });
  for (const statement of extra.split("\n;\n").filter((sql) => sql.trim() !== "")) await database.query("preparing", statement);
  return sink;
}

/** A pipeline of its own, and what counts its refused messages. */
export interface SinkParts {
  readonly pipeline?: string;
  readonly receiptKey?: ReceiptKey;
  readonly budget?: (database: Database, schema: string, pipeline: number) => FailureBudget;
  readonly search?: RefusedRowSearch;
}

/** A sink on the user_logins that is there. */
export async function loginSinkOn(database: Database, schema: string = "maskline", parts: SinkParts = {}): Promise<PostgresSink> {
  const columns = await checkTarget(database, loginTable, loginDemands);
  const pipeline = await registerPipeline(database, schema, parts.pipeline ?? "public.user_logins");
  return new PostgresSink(database, {
    schema,
    table: loginTable,
    columns,
    pipeline,
    receiptKey: parts.receiptKey ?? "sent",
    budget: parts.budget?.(database, schema, pipeline) ?? new FailureBudget(database, schema, pipeline, noLimits),
    contractHash: "test",
    describe: () => [{ path: "ip", found: "text", length: 12 }],
    recheckTarget: async () => void (await checkTarget(database, loginTable, loginDemands)),
    ...(parts.search === undefined ? {} : { search: parts.search }),
  });
}

let counter = 0;

export function makeDelivery(parts: Partial<Delivery> = {}): Delivery {
  counter += 1;
  const id = `message-${String(counter).padStart(6, "0")}`;
  return {
    id,
    body: "{}",
    sentAtMs: Date.UTC(2026, 10, 20, 12) + counter,
    receivedAtMs: Date.UTC(2026, 10, 20, 13),
    attempt: 1,
    groupId: null,
    attributes: {},
    handle: `handle of ${id}`,
    ...parts,
  };
}

/** One row a delivery; `values` overrides columns by name. */
export function makeRows(deliveries: readonly Delivery[], values: Readonly<Record<string, string | null>> = {}): Rows {
  const defaults: Readonly<Record<string, string | null>> = {
    device_type: "ios",
    masked_ip: "AQAABNLtoken",
    masked_device_id: "AQAABNLdevice",
    locale: null,
    app_version: "2",
    create_date: "2026-11-20",
    ...values,
  };
  return rowsOf(
    deliveries,
    loginDemands.map(({ name }) =>
      deliveries.map(({ id }) => (name === "user_id" ? (defaults["user_id"] ?? id) : (defaults[name] ?? null))),
    ),
  );
}

/** Rows that are known by the ids of their deliveries. */
export function rowsOf(deliveries: readonly Delivery[], columns: readonly (TextColumn | readonly (string | null)[])[]): Rows {
  const texts = columns.map((values) => (values instanceof TextColumn ? values : TextColumn.of(values)));
  return { deliveries, ids: deliveries.map(({ id }) => id), columns: texts };
}

export function position(parts: Partial<LedgerPosition> = {}): LedgerPosition {
  return { run: "6a1f7c1e-0000-4000-8000-000000000001", lane: 0, sequence: 1, received: 1, ...parts };
}

export function makeBatch(rows: Rows, refused: readonly Refusal[] = [], at: Partial<LedgerPosition> = {}): Batch {
  const received = rows.deliveries.length + refused.length;
  return { rows, refused, position: position({ received, ...at }), seal: async ({ id }) => Buffer.from(`sealed ${id}`) };
}

export function outcomesOf(settlements: readonly Settlement[]): Partial<Record<Outcome, number>> {
  const counts: Partial<Record<Outcome, number>> = {};
  for (const { outcome } of settlements) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

export async function countRows(database: Database, table: string): Promise<number> {
  const [row] = await database.query<{ n: number }>("counting", `SELECT count(*)::int AS n FROM ${table}`);
  return row?.n ?? -1;
}
