import type { FieldShape } from "../contract/structure.ts";
import { MasklineError } from "../errors.ts";
import type { Batch, Delivery, Settlement } from "../pipeline/ports.ts";
import { type BatchPart, KnownPlaces, newlyRefused, settleByReceipts } from "./batch-part.ts";
import { BinaryRows } from "./binary-copy.ts";
import { type CopyIn, CopyUnusable } from "./copy-in.ts";
import type { CopyTarget, Fields } from "./copy-target.ts";
import type { HaltedDatabase, Query } from "./database.ts";
import type { Parameter } from "./extended-messages.ts";
import type { FailureBudget } from "./failure-budget.ts";
import { loadParameters, shapeOf } from "./load-parameters.ts";
import type { LoadAnswer, LoadShape, LoadStatements } from "./load-statement.ts";
import type { TableName } from "./names.ts";
import { advancing, requireAdvanced } from "./positions.ts";
import { requireWritable, standingOf, standingPrelude } from "./ring-keys.ts";
import type { TargetColumn } from "./target.ts";
import { beyondErasures, sealFirstSightings, type VaultPart, writeVault } from "./vault.ts";

/** What a load says beside the batch. */
export interface WriterOptions {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
  /** The pipeline's number, from `registerPipeline`. */
  readonly pipeline: number;
  readonly contractHash: string;
  /** How the contract treats each field, in JSON: kept with each refused message, so that a replay knows which masks are gone since. */
  readonly masks?: string;
  /** Types and lengths of the fields of a refused message, for the quarantine. */
  readonly describe: (delivery: Delivery) => readonly FieldShape[];
  readonly budget: FailureBudget;
  readonly dropRefused?: boolean;
  /** Of a contract with a vault: a batch that brings none is a mistake, and its originals would be lost. */
  readonly needsVault?: boolean;
}

/** Where a batch has fewer rows, a COPY of its own costs more than it saves (bench/load.ts). */
const leastCopied = 150;

/**
 * Writes a batch in one transaction. Rows go by binary COPY behind the receipts, which have said which of them are new; or in one
 * statement with them, where they are few or COPY cannot write them.
 */
export class BatchWriter {
  readonly #options: WriterOptions;
  readonly #statements: LoadStatements;
  /** Null from when COPY was refused: what it does not do for this table, statements do. */
  #copyTarget: CopyTarget | null;

  constructor(options: WriterOptions, statements: LoadStatements) {
    this.#options = options;
    this.#statements = statements;
    // COPY knows no ON CONFLICT
    this.#copyTarget = statements.skipsConflicts ? null : statements.copy.binary;
  }

  /** From now on rows go by statements. */
  copyNoMore(): void {
    this.#copyTarget = null;
  }

  async write(database: HaltedDatabase, batch: Batch, part: BatchPart): Promise<readonly Settlement[]> {
    const { vault } = batch;
    const { schema, needsVault = false } = this.#options;
    if (vault === undefined) {
      if (needsVault) throw new MasklineError("internal", "a batch of a contract with a vault came without one");
      return this.#writeAnyhow(database, batch, part, null);
    }
    return beyondErasures(async (overtaken) =>
      this.#writeAnyhow(database, batch, part, await sealFirstSightings(database, schema, vault, part.rows, overtaken)),
    );
  }

  async #writeAnyhow(
    database: HaltedDatabase,
    batch: Batch,
    part: BatchPart,
    vault: VaultPart | null,
  ): Promise<readonly Settlement[]> {
    try {
      return await this.#write(database, batch, part, this.#fieldsOf(batch, part), vault);
    } catch (error) {
      if (!(error instanceof CopyUnusable)) throw error;
      this.copyNoMore();
      return this.#write(database, batch, part, null, vault);
    }
  }

  /** In the order of the statement of this shape. */
  async parameters(batch: Batch, part: BatchPart, shape: LoadShape): Promise<readonly Parameter[]> {
    const { pipeline, contractHash, masks = null, describe, dropRefused = false } = this.#options;
    const structures = part.refused.map(({ delivery }) => JSON.stringify(describe(delivery)));
    const sealed = dropRefused ? part.refused.map(() => Buffer.alloc(0)) : await Promise.all(part.refused.map(batch.seal));
    const subjects = part.refused.map(({ delivery }) => batch.vault?.subjectOf(delivery) ?? null);
    return loadParameters(batch, part, { pipeline, contractHash, masks, structures, sealed, subjects }, shape);
  }

  /** Null where the rows go by a statement. Aliases come after the rows, as everywhere: with them, rows do too. */
  #fieldsOf({ keys }: Batch, { rows }: BatchPart): Fields | null {
    if (this.#copyTarget === null || rows.deliveries.length < leastCopied || (keys?.aliases.length ?? 0) > 0) return null;
    return this.#copyTarget.fields(rows.columns);
  }

  async #write(
    database: HaltedDatabase,
    batch: Batch,
    part: BatchPart,
    fields: Fields | null,
    vault: VaultPart | null,
  ): Promise<readonly Settlement[]> {
    const { keys, position, advance } = batch;
    const { budget, schema, pipeline } = this.#options;
    const shape = shapeOf(batch, part, fields === null && part.rows.deliveries.length > 0);
    const load = { sql: this.#statements.load(shape), parameters: await this.parameters(batch, part, shape) };
    const { known, stored } = await database.transaction(
      "loading",
      async (query: Query, prelude, copyIn, first) => {
        await budget.refuseTripped(query, prelude);
        const seals = part.refused.length > 0 || (vault !== null && vault.entries.length > 0);
        if (keys !== undefined) requireWritable(standingOf(prelude), keys, seals);
        if (advance !== undefined) requireAdvanced(first[0]);
        const [answer] = (first.at(-1) ?? []) as readonly LoadAnswer[];
        const places = new KnownPlaces(answer?.known ?? null);
        if (vault !== null) await writeVault(query, schema, vault, places.isNewIn(part.rows.deliveries.length));
        if (fields !== null) await this.#copy(copyIn, fields, places);
        const refused = newlyRefused(part, places);
        const messages = part.rows.deliveries.length + part.refused.length - places.count;
        await budget.spend(query, position, part.refused, { messages, refused });
        return { known: places, stored: answer?.stored ?? 0 };
      },
      {
        prelude: [...(keys === undefined ? [] : standingPrelude(schema, keys.ring)), budget.prelude],
        userPath: true,
        first: [...(advance === undefined ? [] : [advancing(schema, pipeline, advance)]), load],
      },
    );
    return settleByReceipts(part, known, stored);
  }

  async #copy(copyIn: CopyIn, fields: Fields, known: KnownPlaces): Promise<void> {
    const rows = fields[0]?.count ?? 0;
    const places = known.count === 0 ? null : known.others(rows);
    const count = places?.length ?? rows;
    if (count > 0) await this.#copyTarget?.write(copyIn, new BinaryRows(fields, count, places));
  }
}
