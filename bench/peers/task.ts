import { setMaxListeners } from "node:events";

/** What a consumer of the benchmark is given, by its environment. */
export interface Task {
  readonly queueUrl: string;
  readonly databaseUrl: string;
  /** The target, as schema.table: the columns of the demo's table, no key. */
  readonly table: string;
  /** A plain key ring file. */
  readonly keyRing: string;
  /** Receivers side by side. */
  readonly pollers: number;
}

/** The queue servers of a benchmark take any; the SDK signs with it. */
export const region = "us-east-1";

export function readTask(environment: NodeJS.ProcessEnv = process.env): Task {
  const given = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === "") throw new TypeError(`${name} is not set`);
    return value;
  };
  const pollers = Number(environment["BENCH_POLLERS"] ?? 8);
  if (!Number.isSafeInteger(pollers) || pollers < 1) throw new RangeError("BENCH_POLLERS is not a whole number from 1 on");
  return {
    queueUrl: given("BENCH_QUEUE_URL"),
    databaseUrl: given("BENCH_DATABASE_URL"),
    table: given("BENCH_TABLE"),
    keyRing: given("BENCH_KEYRING"),
    pollers,
  };
}

/** Aborted by SIGTERM or SIGINT: the end of a consumer, which then ends in order. */
export function untilTerminated(): AbortSignal {
  const ended = new AbortController();
  // each parked call listens to it
  setMaxListeners(0, ended.signal);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.abort());
  return ended.signal;
}

/** Runs loops side by side until each has ended. */
export async function sideBySide(count: number, loop: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, loop));
}
