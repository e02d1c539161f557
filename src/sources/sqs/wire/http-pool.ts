import type { Dispatcher, Pool } from "undici";

import { longestConnectMs, mostConnections } from "./wire.ts";

/** Shorter than servers and balancers keep a connection: it is seldom closed under a request. */
const keptMs = 15_000;

/** Kept connections to one server; opened when they are asked for first. */
export class HttpPool {
  readonly #origin: string;
  readonly #timeoutMs: number;
  #opening: Promise<Dispatcher> | null = null;
  #opened: Dispatcher | null = null;

  constructor(origin: string, timeoutMs: number) {
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
  }

  /** Null before it has been opened. */
  get opened(): Dispatcher | null {
    return this.#opened;
  }

  open(): Promise<Dispatcher> {
    return (this.#opening ??= this.#open());
  }

  close(): void {
    void this.#opening?.then((pool) => pool.destroy());
  }

  async #open(): Promise<Dispatcher> {
    const PoolClass = await loadPool();
    this.#opened = new PoolClass(this.#origin, {
      connections: mostConnections,
      pipelining: 1,
      connect: { timeout: Math.min(longestConnectMs, this.#timeoutMs) },
      keepAliveTimeout: keptMs,
      keepAliveMaxTimeout: keptMs,
      // a call has its own deadline, which stands still while its answer waits
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    return this.#opened;
  }
}

/** The pool alone: with fetch, caches and web sockets it takes three times as long to load. */
async function loadPool(): Promise<typeof Pool> {
  try {
    return (await import("undici/lib/dispatcher/pool.js")).default;
  } catch {
    return (await import("undici")).Pool;
  }
}
