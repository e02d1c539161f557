import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import pg from "pg";

import { startCleanupGuard } from "../../src/demo/cleanup-guard.ts";
import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { Database } from "../../src/postgres/database.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { LoadServerProcess } from "../load-queue/process.ts";

/** A database of its own for one run: an empty target and maskline's schema beside it. */
export interface FreshDatabase {
  readonly url: string;
  /** As the superuser. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

/**
 * Where everything runs: one PostgreSQL with its settings as they come (fsync on), a queue server for each latency, a key ring, a folder. Ends
 * with the work, whatever becomes of it.
 */
export class Place {
  readonly folder: string;
  readonly keyRing: string;
  readonly postgres: PostgresServer;
  readonly #admin: pg.Client;
  readonly #queueServers = new Map<number, Promise<LoadServerProcess>>();
  #databases = 0;

  static async with<T>(work: (place: Place) => Promise<T>): Promise<T> {
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-bench-"));
    // consumers have it as their home, and a home has a cache folder
    await mkdir(path.join(folder, ".cache"), { mode: 0o700 });
    const guard = startCleanupGuard([folder]);
    const postgres = await startPostgres();
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    const place = new Place(folder, postgres, admin);
    try {
      await createKeyRingFile(place.keyRing, createKeyRing(randomBytes));
      return await work(place);
    } finally {
      for (const server of place.#queueServers.values()) await (await server).stop();
      await admin.end();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
      await guard.release();
    }
  }

  private constructor(folder: string, postgres: PostgresServer, admin: pg.Client) {
    this.folder = folder;
    this.keyRing = path.join(folder, "keyring.json");
    this.postgres = postgres;
    this.#admin = admin;
  }

  queueServer(latencyMs: number): Promise<LoadServerProcess> {
    let server = this.#queueServers.get(latencyMs);
    if (server === undefined) {
      server = LoadServerProcess.start(latencyMs);
      this.#queueServers.set(latencyMs, server);
    }
    return server;
  }

  /** What earlier runs have left in memory is written first: it would be written in this one's time. */
  async freshDatabase(tableSql: string): Promise<FreshDatabase> {
    this.#databases += 1;
    const name = `bench_${this.#databases}`;
    await this.#admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(this.postgres.url);
    url.pathname = `/${name}`;
    const client = new pg.Client({ connectionString: url.href });
    await client.connect();
    await client.query(tableSql);
    const database = new Database({ url: url.href, tls: null, caFile: null, connections: 1, connectTimeoutMs: 10_000 });
    await migrate(database, "maskline");
    await database.close();
    await this.#admin.query("CHECKPOINT");
    return {
      url: url.href,
      query: async (sql, values = []) => (await client.query(sql, [...values])).rows as never,
      drop: async () => {
        await client.end();
        await this.#admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      },
    };
  }
}
