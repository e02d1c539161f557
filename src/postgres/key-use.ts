import type { KeyStanding } from "../keys/key-standing.ts";
import { mayHaveRows } from "../keys/key-standing.ts";
import type { KeyUse } from "../recovery/rekey.ts";
import type { Database } from "./database.ts";
import { quoteName, showTable } from "./names.ts";
import { liveReplicas } from "./replicas.ts";
import { closeRoots, drainRoots, readStanding } from "./ring-keys.ts";
import { countTokens, listTokenColumns } from "./token-columns.ts";

/** What uses the keys of one ring in one database. */
export class PostgresKeyUse implements KeyUse {
  readonly #database: Database;
  readonly #schema: string;
  readonly #ring: number;

  constructor(database: Database, schema: string, ring: number) {
    this.#database = database;
    this.#schema = schema;
    this.#ring = ring;
  }

  async standing(): Promise<readonly KeyStanding[]> {
    return (await readStanding(this.#database, this.#schema, this.#ring)).roots;
  }

  async writers(keyIds: readonly number[]): Promise<readonly string[]> {
    const replicas = await liveReplicas(this.#database, this.#schema, this.#ring);
    return replicas
      .filter(({ keyId }) => keyIds.includes(keyId))
      .map(
        ({ run, pipeline, keyId, silentSeconds }) =>
          `run ${run} of pipeline ${pipeline} writes with key ${keyId} (heard of ${Math.round(silentSeconds)} s ago)`,
      );
  }

  close(keyIds: readonly number[]): Promise<void> {
    return closeRoots(this.#database, this.#schema, this.#ring, keyIds);
  }

  async holders(keyIds: readonly number[]): Promise<readonly string[]> {
    const columns = await listTokenColumns(this.#database, this.#schema, this.#ring);
    const counts = await countTokens(this.#database, columns, keyIds);
    return counts
      .filter(({ rows }) => rows > 0)
      .map(
        ({ table, column, keyId, rows }) => `${rows} rows of ${showTable(table)}, column ${column}, hold tokens of key ${keyId}`,
      );
  }

  drain(keyIds: readonly number[]): Promise<boolean> {
    return drainRoots(this.#database, this.#schema, this.#ring, keyIds);
  }

  /** Columns whose tokens do not say their key, where it is one of these. */
  async pins(keyIds: readonly number[]): Promise<readonly string[]> {
    const columns = await listTokenColumns(this.#database, this.#schema, this.#ring);
    return columns
      .filter(({ keyId }) => keyId !== null && keyIds.includes(keyId))
      .map(
        ({ table, column, keyId }) =>
          `tokens of ${showTable(table)}, column ${column}, were made with key ${keyId} and do not say so`,
      );
  }

  /** Running processes that seal refused messages under this key. */
  async sealers(sealingId: number): Promise<readonly string[]> {
    const replicas = await liveReplicas(this.#database, this.#schema, this.#ring);
    return replicas
      .filter((replica) => replica.sealingId === sealingId)
      .map(({ run, pipeline }) => `run ${run} of pipeline ${pipeline} seals with key ${sealingId}`);
  }

  /** How many tokens of other keys have one of this key to stand for them. */
  async countAliases(keyId: number): Promise<number> {
    const [row] = await this.#database.query<{ aliases: number }>(
      "counting aliases",
      `SELECT count(*)::float8 AS aliases FROM ${quoteName(this.#schema)}.token_alias WHERE anchor = $1`,
      [keyId],
    );
    return row?.aliases ?? 0;
  }

  /** Deletes aliases that no longer count, a part at a time: nobody waits for it. */
  async clearAliases(): Promise<void> {
    const anchors = (await this.standing()).filter((key) => !mayHaveRows(key)).map(({ id }) => id);
    const own = `${quoteName(this.#schema)}.token_alias`;
    if (anchors.length === 0) return;
    for (;;) {
      const [row] = await this.#database.query<{ deleted: number }>(
        "deleting aliases that no longer count",
        `WITH gone AS (DELETE FROM ${own} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${own} WHERE anchor = ANY ($1::bigint[]) LIMIT 10000)) RETURNING 1)
         SELECT count(*)::int AS deleted FROM gone`,
        [anchors],
      );
      if ((row?.deleted ?? 0) === 0) return;
    }
  }
}
