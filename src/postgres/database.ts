import { readFileSync } from "node:fs";

import pg from "pg";

import { MasklineError } from "../errors.ts";
import { databaseError, databaseFailure } from "./error-classes.ts";
import type { PostgresOptions } from "./options.ts";

type TlsMode = NonNullable<PostgresOptions["tls"]>;

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** null: `off` on loopback, `verify-full` everywhere else. */
  readonly tls: TlsMode | null;
  /** PEM file of the authority that signed the server's certificate; null for the system's. */
  readonly caFile: string | null;
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

export type Query = <Row extends pg.QueryResultRow>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

/** Waits at most this long for a lock, and for any one statement, inside a transaction of ours. */
const lockTimeoutMs = 10_000;
const statementTimeoutMs = 60_000;

/**
 * Pins what a transaction's meaning rests on, whatever the server, the database or the role has set. Everything is local to the
 * transaction, so it holds behind a pooler that hands each transaction another session. `synchronous_commit` is only ever raised:
 * a message is deleted on the word of COMMIT.
 */
const begin = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD';
SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL statement_timeout = ${statementTimeoutMs};
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local');
SET CONSTRAINTS ALL IMMEDIATE`;

/** A pool of connections to one database. Every failure leaves here as a MasklineError or a DatabaseFailure, never as the driver's own. */
export class Database {
  /** host:port/database, safe to show. */
  readonly where: string;
  readonly #pool: pg.Pool;

  constructor(options: DatabaseOptions) {
    const { where, config } = connectionConfig(options);
    this.where = where;
    this.#pool = new pg.Pool(config);
    // A connection that breaks is replaced at the next use, and fails the next statement of a transaction; without listeners it would
    // end the process: the pool listens for idle ones only.
    this.#pool.on("error", () => {});
    this.#pool.on("connect", (client) => void client.on("error", () => {}));
  }

  /** One statement on its own. `doing` completes "while ..." in an error. */
  async query<Row extends pg.QueryResultRow>(doing: string, sql: string, parameters: readonly unknown[] = []): Promise<Row[]> {
    return this.transaction(doing, (query) => query<Row>(sql, parameters));
  }

  /** Runs `work` in one transaction with pinned settings: committed when it returns, rolled back when it throws. */
  async transaction<T>(doing: string, work: (query: Query) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      throw databaseError(error, "connecting", this.where);
    }
    let broken = false;
    try {
      await client.query(begin);
      const result = await work(async <Row extends pg.QueryResultRow>(sql: string, parameters: readonly unknown[] = []) => {
        const answer = await client.query<Row>(sql, [...parameters]);
        return answer.rows;
      });
      await client.query("COMMIT");
      return result;
    } catch (error) {
      broken = !(await client.query("ROLLBACK").then(
        () => true,
        () => false,
      ));
      throw isDriverError(error) ? new DatabaseRefusal(error, doing, this.where) : error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** A statement that failed, with the parts of the driver's error that hold no value. */
export class DatabaseRefusal extends MasklineError {
  readonly failure: ReturnType<typeof databaseFailure>;

  constructor(error: unknown, doing: string, where: string) {
    const shown = databaseError(error, doing, where);
    super(shown.code, shown.message, shown.next === undefined ? {} : { next: shown.next });
    this.failure = databaseFailure(error);
  }
}

function isDriverError(error: unknown): boolean {
  if (error instanceof MasklineError || !(error instanceof Error)) return false;
  return "code" in error || error instanceof pg.DatabaseError || /[Cc]onnection|timeout/.test(error.message);
}

function connectionConfig(options: DatabaseOptions): { where: string; config: pg.PoolConfig } {
  const url = parseUrl(options.url);
  const host = decoded(url.hostname.replace(/^\[|\]$/g, ""));
  const port = url.port === "" ? 5432 : Number(url.port);
  const user = decoded(url.username);
  const database = decoded(url.pathname.slice(1)) || user || "postgres";
  return {
    where: `${host}:${port}/${database}`,
    config: {
      host,
      port,
      database,
      user: user || undefined,
      password: decoded(url.password) || undefined,
      application_name: "maskline",
      max: options.connections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      ssl: tlsConfig(options, url, host),
    },
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") throw badUrl();
  return url;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badUrl();
  }
}

/** Does not repeat the text, which may hold a password. */
function badUrl(): MasklineError {
  return new MasklineError("config_invalid", "sink.postgres.url is not of the form postgres://user:password@host:port/database", {
    next: "a password with special characters must be percent-encoded",
  });
}

/** `sslmode` and `sslrootcert` in the URL are understood as libpq does, as far as they ask for no less than the options here. */
function tlsConfig(options: DatabaseOptions, url: URL, host: string): pg.PoolConfig["ssl"] {
  const fromUrl: Readonly<Record<string, TlsMode>> = {
    disable: "off",
    require: "require",
    "verify-ca": "verify-full",
    "verify-full": "verify-full",
  };
  const loopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const caFile = options.caFile ?? url.searchParams.get("sslrootcert");
  const asked = fromUrl[url.searchParams.get("sslmode") ?? ""];
  // with an authority at hand, libpq verifies for `require` too
  const understood = asked === "require" && caFile !== null ? "verify-full" : asked;
  const mode = options.tls ?? understood ?? (loopback ? "off" : "verify-full");
  if (mode === "off") return false;
  return {
    rejectUnauthorized: mode === "verify-full",
    // for an address in place of a name, node:tls checks the certificate against `host`
    ...({ host } as object),
    ...(caFile === null ? {} : { ca: readCa(caFile) }),
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new MasklineError("config_invalid", `sink.postgres.ca: ${file} cannot be read`, {
      next: "name the PEM file of the authority that signed the server's certificate",
    });
  }
}
