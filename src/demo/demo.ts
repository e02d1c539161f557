import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { withDatabase } from "../app/assemble-sink.ts";
import { openQueue } from "../app/assemble-source.ts";
import { loadSettings, type Settings } from "../app/config/load.ts";
import { type ColumnDuplicates, duplicatesQuestion, findAllDuplicates } from "../app/duplicates.ts";
import { run } from "../app/run.ts";
import { starterConfig, starterTable } from "../app/starter.ts";
import { MasklineError } from "../errors.ts";
import { createKeyRingFile } from "../keys/providers/file.ts";
import { createKeyRing } from "../keys/ring.ts";
import type { RunTotals } from "../pipeline/engine.ts";
import type { Report } from "../pipeline/report.ts";
import { type Account, readAccounts } from "../postgres/ledger.ts";
import { migrate } from "../postgres/migrate.ts";
import { quoteTable, type TableName } from "../postgres/names.ts";
import { listQuarantine, type QuarantineGroup } from "../postgres/quarantine.ts";
import { sendAll } from "../sources/sqs/send.ts";
import { allowDemoUser, type BroughtBack, bringBack } from "./bring-back.ts";
import { withLostDeletes } from "./lost-deletes.ts";
import { type PostgresServer, startPostgres } from "./postgres-server.ts";
import { type QueueServer, startQueueServer } from "./queue-server.ts";
import { sampleEvents } from "./sample.ts";

/** The embedded servers and a configuration that names them. */
export interface DemoServers {
  readonly postgres: PostgresServer;
  readonly queueServer: QueueServer;
  readonly queueUrl: string;
  readonly settings: Settings;
  /** Ends the servers and removes everything they left. May be called again. */
  stop(): Promise<void>;
}

/** A login row as it stands in the table. */
export type LoginRow = Readonly<Record<string, string | null>>;

/** What the demo shows. */
export interface DemoFindings {
  readonly rows: readonly LoginRow[];
  readonly shared: readonly ColumnDuplicates[];
  readonly quarantine: readonly QuarantineGroup[];
  readonly account: readonly Account[];
  /** The address that most users share, or of the first row; null where there is no row. */
  readonly broughtBack: BroughtBack | null;
}

/** Starts an SQS server and a PostgreSQL with an empty user_logins, on loopback, and writes a configuration for them. */
export async function startDemoServers(): Promise<DemoServers> {
  const started = await Promise.allSettled([startPostgres(), startQueueServer()]);
  const [postgres, queueServer] = started;
  const stop = async (): Promise<void> => {
    const running = started.flatMap((server) => (server.status === "fulfilled" ? [server.value.stop()] : []));
    await Promise.all(running);
    if (folder !== null) await rm(folder, { recursive: true, force: true });
  };
  let folder: string | null = null;
  try {
    if (postgres.status === "rejected") throw postgres.reason;
    if (queueServer.status === "rejected") throw queueServer.reason;
    folder = await makeFolder();
    const queueUrl = await queueServer.value.createQueue("login-queue");
    const settings = await configure(folder, postgres.value.url, queueUrl);
    await withDatabase(settings, async (database, schema) => {
      // the user's own table, where psql would make it
      await database.transaction("creating the table", (query) => query(starterTable), { userPath: true });
      await migrate(database, schema);
    });
    await allowDemoUser(settings);
    return { postgres: postgres.value, queueServer: queueServer.value, queueUrl, settings, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function makeFolder(): Promise<string> {
  try {
    return await mkdtemp(path.join(tmpdir(), "maskline-demo-"));
  } catch {
    throw new MasklineError("setup_failed", `no folder can be made in ${tmpdir()}`, {
      next: "set TMPDIR to a folder you may write to",
    });
  }
}

/** The starter file, pointed at the embedded servers. Only its owner can read it: it holds the database's password. */
async function configure(folder: string, databaseUrl: string, queueUrl: string): Promise<Settings> {
  const file = path.join(folder, "maskline.yaml");
  const keyRing = path.join(folder, "keyring.json");
  const text = starterConfig
    .replace(/http:\/\/localhost:4566\S*/, queueUrl)
    .replace("file:./keyring.json", `file:${keyRing}`)
    .replace("${DATABASE_URL}", databaseUrl);
  await writeFile(file, text, { mode: 0o600 });
  await createKeyRingFile(keyRing, createKeyRing(randomBytes));
  return loadSettings({ file, environment: {}, overrides: [] });
}

/** What was put on the queue. */
export interface SentSample {
  readonly sent: number;
  readonly bad: number;
  /** Bodies whose delete will be lost once, so that they are delivered twice. */
  readonly redelivered: ReadonlySet<string>;
}

export async function sendSample(
  servers: DemoServers,
  sample: { readonly count: number; readonly seed: number },
  stop: AbortSignal,
  onSent: (messages: number) => void,
): Promise<SentSample> {
  const events = [...sampleEvents(sample)];
  const queue = openQueue(servers.settings);
  try {
    const sent = await sendAll(
      queue,
      events.map(({ body }) => body),
      stop,
      onSent,
    );
    if (stop.aborted) throw new MasklineError("interrupted", "stopped while the sample was being sent");
    return {
      sent,
      bad: events.filter(({ kind }) => kind !== "login").length,
      redelivered: new Set(events.flatMap(({ body, redeliver }) => (redeliver ? [body] : []))),
    };
  } finally {
    queue.close();
  }
}

/** Drains exactly what was sent, redeliveries included: the demo knows its count and need not wait for the queue to stay empty. */
export async function drainSample(
  { settings }: DemoServers,
  { sent, redelivered }: SentSample,
  report: Report,
  stop: AbortSignal,
): Promise<RunTotals> {
  const totals = await run(
    settings,
    {
      drain: false,
      idleMs: null,
      maxMessages: sent + redelivered.size,
      report,
      onReady: () => {},
      wrapSource: (source) => withLostDeletes(source, ({ body }) => redelivered.has(body)),
    },
    stop,
  );
  if (stop.aborted) throw new MasklineError("interrupted", "stopped while draining");
  return totals;
}

/** Reads back what came of it. */
export async function findings({ settings }: DemoServers): Promise<DemoFindings> {
  const found = await withDatabase(settings, async (database, schema) => ({
    rows: await database.query<LoginRow>(
      "reading the first rows",
      `SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version::text, create_date::text
       FROM ${quoteTable(settings.target as TableName)} LIMIT 5`,
    ),
    shared: await findAllDuplicates(settings, database, duplicatesQuestion(settings), 3),
    quarantine: await listQuarantine(database, schema, settings.pipeline),
    account: await readAccounts(database, schema, settings.pipeline, 1),
  }));
  const shared = found.shared.find(({ column }) => column === "masked_ip")?.values[0]?.token;
  const token = shared ?? found.rows[0]?.["masked_ip"] ?? null;
  return { ...found, broughtBack: token === null ? null : await bringBack(settings, "masked_ip", token) };
}
