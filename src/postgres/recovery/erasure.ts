import { randomUUID } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import type { ErasureStore, SubjectToken, Survey, Tally } from "../../recovery/erasure-store.ts";
import type { Database, Query, TransactionOptions } from "../database.ts";
import { quoteName } from "../names.ts";
import { exitColumns } from "./quarantine-exit.ts";
import { heldByUnknownRows, type MaskedPlace, type SubjectPlace, SubjectRows } from "./subject-rows.ts";

export interface ErasureOptions {
  readonly schema: string;
  /** Keyed hashes of one subject, under every root that can be asked; that of the primary first. */
  readonly subjects: readonly Buffer[];
  /** Null where the column is masked in the table. */
  readonly rows: SubjectPlace | null;
  /** Where the contract's keyed masks put tokens. */
  readonly places: readonly MaskedPlace[];
  /** Of the contract under which refused messages are removed. */
  readonly contractHash: string;
  /** How many links or messages go in one transaction. */
  readonly round?: number;
}

const usualRound = 1_000;
const exits = exitColumns.join(", ");

/** One subject in the tables that maskline owns, and its rows in the target. */
export class PostgresErasure implements ErasureStore {
  readonly #database: Database;
  readonly #options: ErasureOptions;
  readonly #rows: SubjectRows | null;
  readonly #own: string;
  readonly #round: number;

  constructor(database: Database, options: ErasureOptions) {
    this.#database = database;
    this.#options = options;
    this.#rows = options.rows === null ? null : new SubjectRows(options.rows, options.places);
    this.#own = quoteName(options.schema);
    this.#round = options.round ?? usualRound;
  }

  async survey(): Promise<Survey> {
    const { subjects, places } = this.#options;
    return this.#transaction("looking for a subject", async (query) => {
      const tokens = await query<SubjectToken & Record<string, unknown>>(
        `SELECT DISTINCT domain, token, NOT EXISTS (
           SELECT FROM ${this.#own}.vault_link AS other
           WHERE other.domain = vault_link.domain AND other.token = vault_link.token AND other.subject <> ALL ($1::bytea[])) AS alone
         FROM ${this.#own}.vault_link WHERE subject = ANY ($1::bytea[]) ORDER BY 1, 2`,
        [subjects],
      );
      const bodies = await query<{ id: string }>(
        `SELECT id FROM ${this.#own}.quarantine WHERE subject = ANY ($1::bytea[]) ORDER BY pipeline, sent_at, id`,
        [subjects],
      );
      const [unnamed] = await query<{ n: number }>(`SELECT count(*)::int AS n FROM ${this.#own}.quarantine WHERE subject IS NULL`);
      const begun = await query<{ id: string; ended: boolean }>(
        `SELECT id, finished_at IS NOT NULL AS ended FROM ${this.#own}.erasure WHERE subject = ANY ($1::bytea[]) ORDER BY finished_at DESC`,
        [subjects],
      );
      return {
        tokens,
        bodies: bodies.map(({ id }) => id),
        ...(this.#rows === null ? heldByUnknownRows(places) : await this.#rows.count(query)),
        unnamedBodies: unnamed?.n ?? 0,
        ended: begun.filter(({ ended }) => ended).map(({ id }) => id),
        unfinished: begun.some(({ ended }) => !ended),
      };
    });
  }

  /** @throws MasklineError `target_misfit` where a column that is to become NULL cannot */
  async requireNullable(): Promise<void> {
    await this.#rows?.requireNullable(this.#database);
  }

  async begin(): Promise<string> {
    const { subjects } = this.#options;
    return this.#transaction("beginning an erasure", async (query) => {
      // a right that is missing is noticed before anything goes
      for (const [table, column] of [
        ["vault", "domain"],
        ["vault_link", "domain"],
        ["quarantine", "pipeline"],
      ]) {
        await query(`DELETE FROM ${this.#own}.${table} WHERE false AND ${column} IS NULL`);
      }
      await query(
        `INSERT INTO ${this.#own}.quarantine_exit (${exits}) SELECT ${exitColumns.map(() => "NULL").join(", ")} WHERE false`,
      );
      await query(
        `INSERT INTO ${this.#own}.erasure (id, subject) SELECT $1, $2::bytea WHERE NOT EXISTS (
        SELECT FROM ${this.#own}.erasure WHERE subject = ANY ($3::bytea[]) AND finished_at IS NULL) ON CONFLICT DO NOTHING`,
        [randomUUID(), subjects[0], subjects],
      );
      const [row] = await query<{ id: string }>(
        `SELECT id FROM ${this.#own}.erasure WHERE subject = ANY ($1::bytea[]) AND finished_at IS NULL ORDER BY started_at LIMIT 1`,
        [subjects],
      );
      if (row === undefined)
        throw new MasklineError("database_busy", "another erasure of this subject ended just now", {
          next: "run the command again",
        });
      return row.id;
    });
  }

  /**
   * Originals are locked before their links are looked at: a load that is about to link to one waits, and is told that it is gone
   * (vault.ts); one that has linked is waited for, and its link is seen.
   */
  async removeLinks(id: string): Promise<boolean> {
    const { subjects } = this.#options;
    const own = this.#own;
    return this.#transaction("erasing links", async (query) => {
      const picked = await query<{ domain: string; token: string }>(
        `SELECT DISTINCT domain, token FROM ${own}.vault_link WHERE subject = ANY ($1::bytea[]) ORDER BY 1, 2 LIMIT $2`,
        [subjects, this.#round],
      );
      if (picked.length === 0) return false;
      const keys = [picked.map(({ domain }) => domain), picked.map(({ token }) => token)];
      const among = "(domain, token) IN (SELECT * FROM unnest($1::text[], $2::text[]))";
      await query(`SELECT FROM ${own}.vault WHERE ${among} ORDER BY domain, token FOR UPDATE`, keys);
      const [links] = await query<{ n: number }>(
        `WITH gone AS (DELETE FROM ${own}.vault_link WHERE ${among} AND subject = ANY ($3::bytea[]) RETURNING 1)
         SELECT count(*)::int AS n FROM gone`,
        [...keys, subjects],
      );
      const [originals] = await query<{ n: number }>(
        `WITH gone AS (DELETE FROM ${own}.vault WHERE ${among} AND NOT EXISTS (
           SELECT FROM ${own}.vault_link WHERE vault_link.domain = vault.domain AND vault_link.token = vault.token) RETURNING 1)
         SELECT count(*)::int AS n FROM gone`,
        keys,
      );
      const removed = originals?.n ?? 0;
      await this.#count(query, id, { links: links?.n ?? 0, originals: removed, shared: picked.length - removed });
      return true;
    });
  }

  /**
   * The quarantine before its receipts, as whoever replays or discards has them: two that met the other way round would wait for each
   * other. A load's messages are new to both.
   */
  async removeBodies(id: string, act: string): Promise<boolean> {
    const own = this.#own;
    const { subjects, contractHash } = this.#options;
    return this.#transaction("erasing refused messages", async (query) => {
      const picked = await query<{ pipeline: number; sent_at: string; id: string }>(
        `SELECT pipeline, sent_at::text AS sent_at, id FROM ${own}.quarantine WHERE subject = ANY ($1::bytea[])
         ORDER BY pipeline, sent_at, id LIMIT $2`,
        [subjects, this.#round],
      );
      if (picked.length === 0) return false;
      const keys = [picked.map(({ pipeline }) => pipeline), picked.map(({ sent_at }) => sent_at), picked.map((row) => row.id)];
      const message = "unnest($1::smallint[], $2::timestamptz[], $3::text[]) AS message (pipeline, sent_at, id)";
      const [gone] = await query<{ n: number }>(
        `WITH gone AS (DELETE FROM ${own}.quarantine USING ${message}
           WHERE quarantine.pipeline = message.pipeline AND quarantine.sent_at = message.sent_at AND quarantine.id = message.id
           RETURNING quarantine.pipeline, quarantine.sent_at, quarantine.id, quarantine.reason, quarantine.quarantined_at),
         told AS (INSERT INTO ${own}.quarantine_exit (${exits})
           SELECT $4::uuid, pipeline, sent_at, id, 'discarded', reason, $5::text, quarantined_at FROM gone)
         SELECT count(*)::int AS n FROM gone`,
        [...keys, act, contractHash],
      );
      for (const [table, more] of [
        ["receipt", "AND receipt.sent_at = message.sent_at"],
        ["identity_receipt", ""],
      ] as const) {
        await query(
          `UPDATE ${own}.${table} AS receipt SET outcome = 'discarded' FROM ${message}
           WHERE receipt.pipeline = message.pipeline AND receipt.id = message.id ${more} AND receipt.outcome = 'quarantined'`,
          keys,
        );
      }
      await this.#count(query, id, { bodies: gone?.n ?? 0 });
      return true;
    });
  }

  async nullTokens(id: string): Promise<void> {
    const rows = this.#rows;
    if (rows === null) throw new TypeError("the subject's rows are not known");
    const where = await this.#transaction("looking at the subject's rows", (query) => rows.where(query));
    const work = async (query: Query): Promise<void> => this.#count(query, id, { rowsNulled: await rows.nullTokens(query, where) });
    await this.#transaction("removing tokens from the subject's rows", work, { userPath: true });
  }

  async tally(id: string): Promise<Tally & { readonly startedAt: Date; readonly now: Date; readonly actor: string }> {
    const [row] = await this.#database.query<Tally & { startedAt: Date; now: Date; actor: string }>(
      "reading an erasure",
      `SELECT links::float8 AS links, originals::float8 AS originals, shared::float8 AS shared, bodies::float8 AS bodies,
              rows_nulled::float8 AS "rowsNulled", started_at AS "startedAt", clock_timestamp() AS now, session_user::text AS actor
       FROM ${this.#own}.erasure WHERE id = $1`,
      [id],
    );
    if (row === undefined) throw new MasklineError("internal", "an erasure that was begun is not there");
    return row;
  }

  async finish(id: string, certificate: string, { links, originals, shared, bodies, rowsNulled }: Tally): Promise<void> {
    const ended = await this.#database.query(
      "ending an erasure",
      `UPDATE ${this.#own}.erasure SET finished_at = clock_timestamp(), certificate = $2
       WHERE id = $1 AND finished_at IS NULL AND (links, originals, shared, bodies, rows_nulled) = ($3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::bigint)
       RETURNING 1 AS ended`,
      [id, certificate, links, originals, shared, bodies, rowsNulled],
    );
    if (ended.length === 0) throw overtaken();
  }

  /** What no certificate would count is not removed: the transaction is rolled back where the erasure has ended. */
  async #count(query: Query, id: string, removed: Partial<Tally>): Promise<void> {
    const { links = 0, originals = 0, shared = 0, bodies = 0, rowsNulled = 0 } = removed;
    const counted = await query(
      `UPDATE ${this.#own}.erasure SET links = links + $2, originals = originals + $3, shared = shared + $4, bodies = bodies + $5,
         rows_nulled = rows_nulled + $6 WHERE id = $1 AND finished_at IS NULL RETURNING 1 AS counted`,
      [id, links, originals, shared, bodies, rowsNulled],
    );
    if (counted.length === 0) throw overtaken();
  }

  /** Rows that row-level security hides from this user would stay without a word: it fails instead. */
  #transaction<T>(doing: string, work: (query: Query) => Promise<T>, more: Pick<TransactionOptions, "userPath"> = {}): Promise<T> {
    return this.#database.transaction(doing, (query) => work(query), { unhurried: true, unfiltered: true, ...more });
  }
}

/** What an erasure has printed, or was killed before it could; null where none of this id has ended. */
export async function readCertificateOf(database: Database, schema: string, id: string): Promise<string | null> {
  const [row] = await database.query<{ certificate: string }>(
    "reading the certificate of an erasure",
    `SELECT certificate FROM ${quoteName(schema)}.erasure WHERE id = $1 AND finished_at IS NOT NULL`,
    [id],
  );
  return row?.certificate ?? null;
}

/** Two calls at once do one erasure; a killed one's last statement may come to its end beside the next call. */
function overtaken(): MasklineError {
  return new MasklineError("database_busy", "another call of this erasure has gone on beside this one, or ended it", {
    next: "run the command again; what has ended has its certificate in the table erasure",
  });
}
