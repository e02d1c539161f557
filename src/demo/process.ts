import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

/** An operating system's account by its numbers. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Run under this account; only root may ask for one. */
  readonly account?: Account | undefined;
  /** Told the process id as soon as there is one. */
  readonly started?: (processId: number) => void;
}

export interface Finished {
  readonly succeeded: boolean;
  /** What it wrote to stdout and stderr, in the order it came; or why it could not be run at all. */
  readonly output: string;
}

/** Runs a program to its end. Never throws: a program that cannot be run at all has not succeeded, and the output says why. */
export async function runToEnd(file: string, args: readonly string[], options: RunOptions): Promise<Finished> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    ...options.account,
    // Ctrl-C in a terminal reaches the whole process group: what runs here is ended by us, in order, not by the terminal.
    detached: process.platform !== "win32",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  if (child.pid !== undefined) options.started?.(child.pid);
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ succeeded: false, output: error.message }));
    child.once("close", (code) => resolve({ succeeded: code === 0, output: chunks.join("") }));
  });
}

/** Whether the process has ended, or never began. */
export function hasEnded(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null;
}

/** Resolves once the process has ended, at once if it has already. */
export async function untilEnded(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) await new Promise<void>((resolve) => child.once("exit", () => resolve()));
}

/** A port nobody listens on now. Another process may take it before the caller does, who therefore has to be ready to try again. */
export async function freeLoopbackPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (address === null || typeof address === "string") throw new TypeError("a TCP server has an address with a port");
  return address.port;
}
