import type { FieldShape } from "../../contract/structure.ts";
import { MasklineError } from "../../errors.ts";
import type { BatchKeys, Delivery, Refusal, Rows } from "../../pipeline/ports.ts";
import { selectRows } from "../../pipeline/rows.ts";
import type { QuarantineKey, Replayed, ReplayBatch, ReplayStore, SealedMessage } from "../../recovery/replay-store.ts";
import { timeArray } from "../array-parameter.ts";
import { type BatchPart, withoutOffenders } from "../batch-part.ts";
import { type Database, DatabaseRefusal, type Query } from "../database.ts";
import { mayBeRow } from "../error-classes.ts";
import { aliasInsert, columnParameters, type LoadChoices, type LoadStatements, loadStatements } from "../load-statement.ts";
import { quoteName, type TableName } from "../names.ts";
import { receiptInsert } from "../receipts.ts";
import { findRefusedRows } from "../refused-rows.ts";
import { requireWritable, standingOf, standingPrelude } from "../ring-keys.ts";
import type { TargetColumn } from "../target.ts";
import { beyondErasures, sealFirstSightings, type VaultPart, writeVault } from "../vault.ts";
import { keyOf, QuarantineExit } from "./quarantine-exit.ts";
import { sentAtMsSql } from "./quarantine-selection.ts";

export interface PostgresReplayOptions extends LoadChoices {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
  /** The pipeline's number. */
  readonly pipeline: number;
  /** Of the contract that messages are replayed through. */
  readonly contractHash: string;
  readonly describe: (delivery: Delivery) => readonly FieldShape[];
  /** Looks at the target again; throws when it no longer fits. Asked when every row of a batch is refused. */
  readonly recheckTarget: () => Promise<void>;
  /** In the audit. */
  readonly act: string;
  /** Everything is done, and rolled back. */
  readonly rehearses: boolean;
  /** Of a contract with a vault, as in batch-writer.ts. */
  readonly needsVault?: boolean;
}

/** As in sink.ts. */
const fruitlessSearches = 3;

/** Loads quarantined messages into the table, each in one transaction with its receipt and its removal from the quarantine. */
export class PostgresReplay implements ReplayStore {
  readonly #database: Database;
  readonly #options: PostgresReplayOptions;
  readonly #statements: LoadStatements;
  readonly #exit: QuarantineExit;

  constructor(database: Database, options: PostgresReplayOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = loadStatements(options.schema, options.table, options.columns, options);
    this.#exit = new QuarantineExit(options.schema, options.pipeline);
  }

  async read(keys: readonly QuarantineKey[]): Promise<readonly SealedMessage[]> {
    const { schema, pipeline } = this.#options;
    return readSealed(this.#database, schema, pipeline, keys);
  }

  async write({ rows, refused, keys, vault }: ReplayBatch): Promise<Replayed> {
    if (vault === undefined && this.#options.needsVault === true) {
      throw new MasklineError("internal", "a replay of a contract with a vault came without one");
    }
    const { schema } = this.#options;
    const sealed = (from: Rows, overtaken: boolean): Promise<VaultPart> | null =>
      vault === undefined ? null : sealFirstSightings(this.#database, schema, vault, from, overtaken);
    let part: BatchPart = { rows, refused, repeated: [], heldBack: [] };
    for (let fruitless = 0; ;) {
      try {
        const { rows: from, refused: again } = part;
        return await beyondErasures(async (overtaken) => this.#write(from, again, keys, await sealed(from, overtaken)));
      } catch (error) {
        if (!(error instanceof DatabaseRefusal) || !mayBeRow(error.failure) || fruitless === fruitlessSearches) throw error;
        // none of them has had its effect: all are tried
        const { tried, refused: offenders } = await findRefusedRows(this.#database, this.#statements, null, part.rows);
        if (offenders.length > 0 && offenders.length === tried) {
          await this.#options.recheckTarget();
          if (offenders[0]?.failure.failureClass !== "row") throw error;
        }
        if (offenders.length === 0) fruitless += 1;
        else part = withoutOffenders(part, offenders);
      }
    }
  }

  async #write(rows: Rows, refused: readonly Refusal[], keys: BatchKeys | undefined, vault: VaultPart | null): Promise<Replayed> {
    const { schema, rehearses } = this.#options;
    const doing = rehearses ? "trying a replay in a transaction that is rolled back" : "replaying";
    return this.#database.transaction(
      doing,
      async (query, prelude) => {
        const seals = vault !== null && vault.entries.length > 0;
        if (keys !== undefined) requireWritable(standingOf(prelude), keys, seals);
        const all = [...rows.deliveries, ...refused.map(({ delivery }) => delivery)];
        const held = await this.#exit.lock(query, all.map(keyOf));
        const heldRows = selectRows(
          rows,
          held.filter((place) => place < rows.deliveries.length),
        );
        const stays = held.flatMap((place) => refused[place - rows.deliveries.length] ?? []);
        await this.#refuseAgain(query, stays);
        const { loaded, duplicate, fresh } = await this.#load(query, heldRows, keys);
        if (vault !== null) await writeVault(query, schema, vault, (row) => fresh.has(rows.deliveries[row] as Delivery));
        return { loaded, duplicate, refused: stays, gone: all.length - held.length };
      },
      { prelude: keys === undefined ? [] : standingPrelude(schema, keys.ring), discard: rehearses, userPath: true },
    );
  }

  async #load(
    query: Query,
    rows: Rows,
    keys: BatchKeys | undefined,
  ): Promise<Pick<Replayed, "loaded" | "duplicate"> & { readonly fresh: ReadonlySet<Delivery> }> {
    if (rows.deliveries.length === 0) return { loaded: 0, duplicate: 0, fresh: new Set() };
    const { act, contractHash } = this.#options;
    const known = await this.#settleReceipts(query, rows);
    const isKnown = (place: number): boolean => known.has(place);
    const places = rows.deliveries.map((_, place) => place);
    const fresh = selectRows(
      rows,
      places.filter((place) => !isKnown(place)),
    );
    // RETURNING a constant needs no right to read the table
    const stored =
      fresh.deliveries.length === 0 ? [] : await query(`${this.#statements.rows} RETURNING 1`, columnParameters(fresh));
    const repeated = places.filter(isKnown).map((place) => keyOf(rows.deliveries[place] as Delivery));
    await this.#exit.remove(query, fresh.deliveries.map(keyOf), { act, contractHash, outcome: "loaded" });
    if (repeated.length > 0) await this.#exit.remove(query, repeated, { act, contractHash, outcome: "duplicate" });
    await this.#writeAliases(query, keys);
    return { loaded: stored.length, duplicate: rows.deliveries.length - stored.length, fresh: new Set(fresh.deliveries) };
  }

  /**
   * Receipts turn from quarantined to loaded. Where today's contract knows a message by something else than that of then did, it has a receipt
   * of that name too; one that is there already is of the same message, which has had its effect then. Answers with the places of those.
   */
  async #settleReceipts(query: Query, { deliveries, ids }: Rows): Promise<ReadonlySet<number>> {
    const { schema, pipeline, receiptKey = "sent" } = this.#options;
    const turned = await this.#exit.turnReceipts(query, deliveries.map(keyOf), { from: "quarantined", to: "loaded" });
    const had = new Map(turned.map(({ id, key }) => [id, key]));
    const renamed = deliveries.flatMap(({ handle }, place) => {
      // a line of a file has no receipt, but its place in the file
      const key = had.get(handle);
      return key === undefined || (key === receiptKey && ids[place] === handle) ? [] : [place];
    });
    if (renamed.length === 0) return new Set();
    const arriving = "SELECT sent_at, id, 'loaded' AS outcome FROM unnest($2::timestamptz[], $3::text[]) AS message (sent_at, id)";
    const written = await query<{ id: string }>(receiptInsert(schema, receiptKey, arriving), [
      pipeline,
      timeArray(renamed.map((place) => (deliveries[place] as Delivery).sentAtMs)),
      renamed.map((place) => ids[place] as string),
    ]);
    const first = new Set(written.map(({ id }) => id));
    const known = renamed.filter((place) => !first.delete(ids[place] as string));
    await this.#exit.turnReceipts(
      query,
      known.map((place) => keyOf(deliveries[place] as Delivery)),
      { from: "loaded", to: "discarded" },
    );
    return new Set(known);
  }

  async #refuseAgain(query: Query, refused: readonly Refusal[]): Promise<void> {
    if (refused.length === 0) return;
    const { schema, pipeline, contractHash, describe } = this.#options;
    await query(
      `UPDATE ${quoteName(schema)}.quarantine SET reason = again.reason, faults = again.faults::jsonb, structure = again.structure::jsonb,
         contract_hash = $2, replays = replays + 1, replayed_at = now()
       FROM unnest($3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[]) AS again (sent_at, id, reason, faults, structure)
       WHERE quarantine.pipeline = $1 AND quarantine.sent_at = again.sent_at AND quarantine.id = again.id`,
      [
        pipeline,
        contractHash,
        timeArray(refused.map(({ delivery }) => delivery.sentAtMs)),
        refused.map(({ delivery }) => delivery.handle),
        refused.map(({ faults }) => faults[0]?.reason ?? "mask_failed"),
        refused.map(({ faults }) => JSON.stringify(faults)),
        refused.map(({ delivery }) => JSON.stringify(describe(delivery))),
      ],
    );
  }

  async #writeAliases(query: Query, keys: BatchKeys | undefined): Promise<void> {
    const aliases = keys?.aliases ?? [];
    if (keys === undefined || aliases.length === 0) return;
    await query(`WITH ${aliasInsert(this.#options.schema, "$1::bigint", ["$2::text[]", "$3::text[]", "$4::text[]"])} SELECT 1`, [
      keys.anchorId,
      aliases.map(({ domain }) => domain),
      aliases.map(({ token }) => token),
      aliases.map(({ canonical }) => canonical),
    ]);
  }
}

/** The sealed bodies of those that still stand in the quarantine. */
export async function readSealed(
  database: Database,
  schema: string,
  pipeline: number,
  keys: readonly QuarantineKey[],
): Promise<readonly SealedMessage[]> {
  type Row = { id: string; sentAtMs: number | null; sealed: Buffer; attempt: number; quarantinedAt: Date };
  const rows = await database.query<Row>(
    "reading sealed bodies",
    `SELECT quarantine.id, ${sentAtMsSql} AS "sentAtMs", sealed, attempt, quarantined_at AS "quarantinedAt"
     FROM unnest($2::timestamptz[], $3::text[]) WITH ORDINALITY AS message (sent_at, id, position)
     JOIN ${quoteName(schema)}.quarantine
       ON quarantine.pipeline = $1 AND quarantine.sent_at = message.sent_at AND quarantine.id = message.id
     ORDER BY message.position`,
    [pipeline, timeArray(keys.map(({ sentAtMs }) => sentAtMs)), keys.map(({ id }) => id)],
  );
  return rows.map(({ quarantinedAt, ...row }) => ({ ...row, quarantinedAtMs: quarantinedAt.getTime() }));
}
