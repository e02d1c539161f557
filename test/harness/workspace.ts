import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { loadSettings, type Settings } from "../../src/app/config/load.ts";
import { starterConfig, starterTable } from "../../src/app/starter.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { type QueueServer, startQueueServer } from "../../src/demo/queue-server.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import type { Database } from "../../src/postgres/database.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { sendAll } from "../../src/sources/sqs/send.ts";
import { ownDatabase } from "../postgres/databases.ts";
import { connect } from "./login-table.ts";
import { openTestQueue } from "./queues.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

/** Halves the time of a start, of which tests make many. */
const compileCache = path.resolve(import.meta.dirname, "../../node_modules/.cache/compiled");

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A started `maskline`, as a user starts it. */
export interface RunningCommand {
  /** 0 where it could not be started. */
  readonly processId: number;
  readonly finished: Promise<Finished>;
  /** Resolves when its stdout holds the text; rejects when it ends before. */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs the command line in a folder. The environment holds nothing of the tester's own. */
export function startMaskline(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input: string | null = null,
): RunningCommand {
  return startNode(folder, [main, ...args], { NODE_COMPILE_CACHE: compileCache, ...environment }, input);
}

export function startNode(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
  input: string | null = null,
): RunningCommand {
  return startProgram(process.execPath, { folder, args, environment, input });
}

/** What a program is started with. */
export interface ProgramStart {
  readonly folder: string;
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string | null;
  /** A signal goes to all that it starts too, as one from a terminal does. */
  readonly asGroup?: boolean;
}

export function startProgram(
  program: string,
  { folder, args, environment = {}, input = null, asGroup = false }: ProgramStart,
): RunningCommand {
  const child = spawn(program, [...args], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...environment },
    stdio: ["pipe", "pipe", "pipe"],
    detached: asGroup,
  });
  // it may have ended before it reads
  child.stdin.on("error", () => {}).end(input ?? "");
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const says = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => (stdout.includes(text) ? resolve() : undefined);
      child.stdout.on("data", look);
      child.once("close", () => reject(new Error(`ended before it said "${text}": ${stderr}`)));
      look();
    });
  const processId = child.pid ?? 0;
  const kill = (signal: NodeJS.Signals): void => {
    if (!asGroup || processId === 0) return void child.kill(signal);
    try {
      process.kill(-processId, signal);
    } catch (error) {
      // none of them is left
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  };
  return { processId, finished, says, kill };
}

/** A queue, a database with an empty user_logins, and a configuration that names them: what a user has before the first run. */
export interface Workspace {
  readonly folder: string;
  readonly file: string;
  readonly queueUrl: string;
  readonly database: Database;
  readonly databaseUrl: string;
  readonly settings: Settings;
  send(bodies: Iterable<string>): Promise<void>;
  maskline(...args: string[]): Promise<Finished>;
  close(): Promise<void>;
}

export interface Servers {
  readonly postgres: PostgresServer;
  readonly queues: QueueServer;
  stop(): Promise<void>;
}

export async function startServers(startDatabase: () => Promise<PostgresServer> = startPostgres): Promise<Servers> {
  const [postgres, queues] = await Promise.all([startDatabase(), startQueueServer()]);
  return { postgres, queues, stop: async () => void (await Promise.all([postgres.stop(), queues.stop()])) };
}

/** What a workspace needs of its servers, whichever they are. */
export interface ServersForWorkspace {
  readonly postgres: Pick<PostgresServer, "url">;
  readonly queues: Pick<QueueServer, "createQueue">;
}

let workspaces = 0;

/** @param config the configuration's text; `QUEUE`, `DATABASE` and `KEYRING` in it are replaced */
export async function openWorkspace(
  servers: ServersForWorkspace,
  options: { readonly config?: string; readonly visibilitySeconds?: number; readonly table?: string } = {},
): Promise<Workspace> {
  workspaces += 1;
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-test-"));
  const queueUrl = await servers.queues.createQueue(`login-queue-${workspaces}`, {
    VisibilityTimeout: String(options.visibilitySeconds ?? 30),
  });
  const databaseUrl = await ownDatabase(servers.postgres.url, "workspace");
  const database = connect(databaseUrl);
  await database.query("creating the table", options.table ?? starterTable);
  await migrate(database, "maskline");
  await createKeyRingFile(path.join(folder, "keyring.json"), createKeyRing(randomBytes));
  const file = path.join(folder, "maskline.yaml");
  const text = (options.config ?? starterConfig)
    .replace(/http:\/\/localhost:4566\S*|\bQUEUE\b/, queueUrl)
    .replace(/\$\{DATABASE_URL\}|\bDATABASE\b/, databaseUrl)
    .replace(/file:\.\/keyring\.json|\bKEYRING\b/, `file:${path.join(folder, "keyring.json")}`);
  await writeFile(file, text, { mode: 0o600 });
  const queue = openTestQueue(queueUrl, "json");
  return {
    folder,
    file,
    queueUrl,
    database,
    databaseUrl,
    settings: loadSettings({ file, environment: {}, overrides: [] }),
    send: async (bodies) => void (await sendAll(queue, bodies, new AbortController().signal, () => {})),
    maskline: (...args) => startMaskline(folder, args).finished,
    close: async () => {
      queue.close();
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
