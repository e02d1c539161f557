import type { Dispatcher, Pool } from "undici";

import { longestConnectMs, mostConnections } from "./wire.ts";

/** Shorter than servers and balancers keep a connection: it is seldom closed under a request. */
const keptMs = 15_000;

/** Kept connections to one server; opened when they are asked for first. */
export class HttpPool {
  readonly #origin: string;
  readonly #timeoutMs: number;
  readonly #retired = new Set<Dispatcher>();
  #opening: Promise<typeof Pool> | null = null;
  #opened: Dispatcher | null = null;
  #isClosed = false;

  constructor(origin: string, timeoutMs: number) {
    this.#origin = origin;
    this.#timeoutMs = timeoutMs;
  }

  /** Null before it has been opened. */
  get opened(): Dispatcher | null {
    return this.#opened;
  }

  async open(): Promise<Dispatcher> {
    const PoolClass = await (this.#opening ??= loadPool());
    this.#opened ??= new PoolClass(this.#origin, {
      connections: mostConnections,
      pipelining: 1,
      connect: { timeout: Math.min(longestConnectMs, this.#timeoutMs) },
      keepAliveTimeout: keptMs,
      keepAliveMaxTimeout: keptMs,
      // a call has its own deadline, which stands still while its answer waits
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    if (this.#isClosed) void this.#opened.destroy();
    return this.#opened;
  }

  /**
   * A connection of `used` broke: those kept beside it may be closed as well, so that the next call would fail in turn. Later calls have
   * new ones, and those under way end as they would.
   */
  retire(used: Dispatcher): void {
    if (used !== this.#opened) return;
    this.#opened = null;
    this.#retired.add(used);
    void used.close().then(() => this.#retired.delete(used));
  }

  /** Ends all calls under way. */
  close(): void {
    this.#isClosed = true;
    for (const pool of [...this.#retired, this.#opened]) void pool?.destroy();
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
