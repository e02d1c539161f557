import { existsSync } from "node:fs";
import { connect } from "node:net";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { freeLoopbackPort, runToEnd } from "../../src/demo/process.ts";
import { serverAccount } from "../../src/demo/server-account.ts";
import { notInstalled, startEngine } from "./engine-process.ts";

const program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"].find((file) => existsSync(file));

/** Why pgbouncer cannot run here; null when it can. */
export const pgbouncerMissing: string | null = program === undefined ? notInstalled("pgbouncer") : null;

export interface Pgbouncer {
  /** The server's URL, by way of the pooler. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface PgbouncerOptions {
  /** Roles besides the superuser that may connect, with their passwords. */
  readonly users?: Readonly<Record<string, string>>;
  /** Server connections for each user and database; few, so that clients really have to share them. */
  readonly poolSize?: number;
}

/**
 * Starts a transaction-pooling pgbouncer before a server. Whatever a session can hold (settings, temporary tables, named
 * statements, advisory locks) is not there for certain in the next transaction, or is there for somebody else.
 */
export async function startPgbouncer(server: PostgresServer, options: PgbouncerOptions = {}): Promise<Pgbouncer> {
  if (program === undefined) throw new Error(notInstalled("pgbouncer"));
  const port = await freeLoopbackPort();
  const url = new URL(server.url);
  const users = { [decodeURIComponent(url.username)]: decodeURIComponent(url.password), ...options.users };
  const settings = [
    "[databases]",
    `* = host=127.0.0.1 port=${server.port}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "auth_type = scram-sha-256",
    "auth_file = users.txt",
    "pool_mode = transaction",
    `default_pool_size = ${options.poolSize ?? 4}`,
    // no help with named statements
    ...((await knowsNamedStatements(program)) ? ["max_prepared_statements = 0"] : []),
  ];
  const engine = await startEngine({
    program,
    args: ["pgbouncer.ini"],
    files: {
      "pgbouncer.ini": `${settings.join("\n")}\n`,
      "users.txt": Object.entries(users)
        .map(([name, password]) => `${quoted(name)} ${quoted(password)}\n`)
        .join(""),
    },
    account: serverAccount(),
    ready: () => canConnect(port),
  });
  url.port = String(port);
  return { url: url.href, stop: () => engine.stop() };
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Since 1.21 pgbouncer can carry named statements from one server connection to another; before, it does not know the setting. */
async function knowsNamedStatements(file: string): Promise<boolean> {
  const { output } = await runToEnd(file, ["--version"], { cwd: "/" });
  const [, major = "0", minor = "0"] = /PgBouncer (\d+)\.(\d+)/.exec(output) ?? [];
  return Number(major) > 1 || Number(minor) >= 21;
}

async function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
