import { type ChildProcess, spawn } from "node:child_process";
import { chown, open, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { startCleanupGuard } from "../../src/demo/cleanup-guard.ts";
import { type PostgresOptions, type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { hasEnded, untilEnded } from "../../src/demo/process.ts";
import { serverAccount } from "../../src/demo/server-account.ts";

/** A PostgreSQL that can be ended and started again, at the same port. */
export interface RestartingPostgres {
  readonly url: string;
  readonly port: number;
  readonly dataFolder: string;
  readonly logFile: string;
  /** Ends it at once (`immediate`): nobody is told, nothing is flushed, the log is replayed at the next start. */
  crash(): Promise<void>;
  /** Ends it in order (`fast`): clients are told with 57P01. */
  shutDown(): Promise<void>;
  /** Resolves once it accepts connections. */
  start(): Promise<void>;
  /** Starts it as a standby, which can only be read (25006), until `pg_promote()`. It must have been shut down in order. */
  startAsStandby(): Promise<void>;
  stop(): Promise<void>;
}

const startDeadlineMs = 60_000;

/** Whatever becomes of this process, a guard ends the server that runs then; its folder is removed as ever. */
export async function startRestartingPostgres(options: PostgresOptions = {}): Promise<RestartingPostgres> {
  const first = await startPostgres(options);
  const guard = startCleanupGuard([]);
  let child: ChildProcess | null = null;
  const end = async (signal: "SIGQUIT" | "SIGINT"): Promise<void> => {
    const processId = child === null ? first.processId : child.pid;
    if (processId === undefined || (child !== null && hasEnded(child))) return;
    process.kill(processId, signal);
    await (child === null ? untilGone(processId) : untilEnded(child));
  };
  const start = async (): Promise<void> => {
    child = await launch(first);
    if (child.pid !== undefined) guard.watch(child.pid);
  };
  return {
    url: first.url,
    port: first.port,
    dataFolder: first.dataFolder,
    logFile: first.logFile,
    crash: () => end("SIGQUIT"),
    shutDown: () => end("SIGINT"),
    start,
    startAsStandby: async () => {
      const file = path.join(first.dataFolder, "standby.signal");
      await writeFile(file, "");
      const account = serverAccount();
      if (account) await chown(file, account.uid, account.gid);
      await start();
    },
    stop: async () => {
      await end("SIGINT");
      await first.stop();
      await guard.release();
    },
  };
}

/** Started again with the very arguments it had, which it keeps in a file of its data folder. */
async function launch({ dataFolder, logFile }: PostgresServer): Promise<ChildProcess> {
  const kept = await readFile(path.join(dataFolder, "postmaster.opts"), "utf8");
  const [program = "", ...quoted] = kept.trim().split(/ (?=")/);
  const log = await open(logFile, "a", 0o600);
  const child = spawn(
    program,
    quoted.map((argument) => argument.slice(1, -1)),
    {
      cwd: path.dirname(dataFolder),
      env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C", TZ: "UTC" },
      ...serverAccount(),
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    },
  );
  child.on("error", () => {});
  await log.close();
  const deadline = performance.now() + startDeadlineMs;
  while (!hasEnded(child) && performance.now() < deadline) {
    const lockFile = await readFile(path.join(dataFolder, "postmaster.pid"), "utf8").catch(() => "");
    const [processId, ...lines] = lockFile.split("\n");
    // a standby says "standby"
    if (Number(processId) === child.pid && /^(ready|standby) *$/.test(lines[6] ?? "")) {
      child.unref();
      return child;
    }
    await pause(5);
  }
  throw new Error("PostgreSQL did not start again");
}

/** Of a process that is not this one's child to wait for here. */
async function untilGone(processId: number): Promise<void> {
  for (;;) {
    try {
      process.kill(processId, 0);
    } catch {
      return;
    }
    await pause(2);
  }
}
