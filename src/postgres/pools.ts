import pg from "pg";

/** A connection, and the pool it is of. */
export interface Connected {
  readonly pool: pg.Pool;
  readonly client: pg.PoolClient;
}

/** One pool at a time. After an outage it is left for a new one: its other connections may lead to a server that is no longer the right one. */
export class Pools {
  readonly #config: pg.PoolConfig;
  #current: pg.Pool;
  /** Aborted when the current pool is left: whoever waits for a connection of it waits for one of the next. */
  #change = new AbortController();
  /** Pools that were left, until their last connection is closed. */
  readonly #left = new Set<Promise<void>>();
  #closed: Promise<unknown> | null = null;

  constructor(config: pg.PoolConfig) {
    this.#config = config;
    this.#current = openPool(config);
  }

  /** Null when `halt` is aborted first. @throws the driver's error */
  async connect(halt: AbortSignal | undefined): Promise<Connected | null> {
    for (;;) {
      if (halt?.aborted === true) return null;
      const pool = this.#current;
      const { signal } = this.#change;
      const client = await unlessAborted(pool.connect(), halt === undefined ? [signal] : [signal, halt]);
      if (client !== null) return { pool, client };
    }
  }

  /** No connection of this pool is used again; those in use are closed when they are given back. */
  leave(pool: pg.Pool): void {
    if (pool !== this.#current || this.#closed !== null) return;
    this.#current = openPool(this.#config);
    const change = this.#change;
    this.#change = new AbortController();
    const closed = pool.end().finally(() => this.#left.delete(closed));
    this.#left.add(closed);
    change.abort();
  }

  async close(): Promise<void> {
    this.#closed ??= Promise.all([this.#current.end(), ...this.#left]);
    await this.#closed;
  }
}

function openPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config);
  // A connection that breaks is replaced at the next use, and fails the next statement of a transaction; without listeners it would
  // end the process: the pool listens for idle ones only.
  pool.on("error", () => {});
  pool.on("connect", (client) => void client.on("error", () => {}));
  return pool;
}

/** Null when one of the signals is aborted first; the connection is closed then, when it comes. */
function unlessAborted(connecting: Promise<pg.PoolClient>, signals: readonly AbortSignal[]): Promise<pg.PoolClient | null> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const end = (): void => {
      isOver = true;
      for (const signal of signals) signal.removeEventListener("abort", giveUp);
    };
    const giveUp = (): void => {
      end();
      resolve(null);
    };
    for (const signal of signals) signal.addEventListener("abort", giveUp);
    connecting.then(
      (client) => {
        if (isOver) return client.release(true);
        end();
        resolve(client);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
