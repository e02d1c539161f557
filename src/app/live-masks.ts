import { MasklineError } from "../errors.ts";
import { anchorOf, primaryOf, servesPins } from "../keys/key-standing.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { Batch, BatchKeys, Delivery } from "../pipeline/ports.ts";
import type { MaskedColumn, Prepared } from "../pipeline/prepare.ts";
import type { Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { pinMaskDefinitions } from "../postgres/mask-definitions.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import { dismissReplica, reportReplica } from "../postgres/replicas.ts";
import { announceKeys, pinBarred, readStanding, type RingStanding } from "../postgres/ring-keys.ts";
import { registerTokenColumns } from "../postgres/token-columns.ts";
import { aliasesOfRows } from "../recovery/remask.ts";
import { sealing } from "./assemble-keys.ts";
import { postgresOf } from "./assemble-sink.ts";
import { type ConfiguredColumn, pinnedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { createMasks, maskPins, preparation } from "./masks.ts";
import { rightfulKeyIds, ringName, taggedColumns, tokenColumns } from "./tagged-columns.ts";

/** How often a process says which key it writes with, and looks whether the ring was rotated. */
export const beatMs = 5_000;

/** All that depends on the ring as it was when it was opened. */
interface Masks {
  readonly ring: MaskKeys;
  readonly keys: Omit<BatchKeys, "aliases">;
  readonly prepare: (deliveries: readonly Delivery[]) => Prepared & { readonly keys: BatchKeys };
  readonly openSeal: () => Batch["seal"];
}

export interface LiveMasksParts {
  readonly settings: Settings;
  readonly database: Database;
  readonly run: string;
  readonly report: Report;
  /** Opens the ring again; what the provider gives now. */
  readonly openRing: () => Promise<MaskKeys>;
}

/**
 * The masks of a running process, which follow the ring: when another process has rotated it, the ring is fetched again and batches
 * are made under the new key, without a restart. One that cannot follow goes on until the old key is closed.
 */
export class LiveMasks {
  readonly #parts: LiveMasksParts;
  readonly #schema: string;
  readonly #pipeline: number;
  #current: Masks;
  #renewal: Promise<void> | null = null;
  /** The newer primary this process has been told of and could not follow to: told once. */
  #outdatedBy: number | null = null;

  private constructor(parts: LiveMasksParts, pipeline: number, current: Masks) {
    this.#parts = parts;
    this.#schema = postgresOf(parts.settings).schema;
    this.#pipeline = pipeline;
    this.#current = current;
  }

  /** @throws MasklineError `key_retired` when the ring's primary may no longer be written with */
  static async open(parts: LiveMasksParts, ring: MaskKeys, masked: readonly MaskedColumn[]): Promise<LiveMasks> {
    const { settings, database } = parts;
    const { schema } = postgresOf(settings);
    const masks = buildMasks(settings, ring, masked, await announce(settings, database, ring));
    const live = new LiveMasks(parts, await registerPipeline(database, schema, settings.pipeline), masks);
    await live.#sayAlive();
    return live;
  }

  readonly prepare = (deliveries: readonly Delivery[]): Prepared & { readonly keys: BatchKeys } =>
    this.#current.prepare(deliveries);

  readonly openSeal = (): Batch["seal"] => this.#current.openSeal();

  /** Whether batches are made with other keys than the refused ones from now on. */
  readonly renew = async (refused: BatchKeys): Promise<boolean> => {
    const same = (): boolean => {
      const { keyId, anchorId, sealingId } = this.#current.keys;
      return keyId === refused.keyId && anchorId === refused.anchorId && sealingId === refused.sealingId;
    };
    // another lane may have been here first
    if (same()) await this.#renewOnce();
    return !same();
  };

  /** Reports and looks until `stop`. A failure is told where it matters, at the next load. */
  async beat(clock: Clock, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      await clock.sleep(beatMs, stop);
      if (stop.aborted) return;
      try {
        await this.#sayAlive();
        await this.#follow();
      } catch (error) {
        if (!(error instanceof MasklineError)) throw error;
      }
    }
  }

  async end(): Promise<void> {
    await dismissReplica(this.#parts.database, this.#schema, this.#parts.run).catch(() => {});
  }

  async #sayAlive(): Promise<void> {
    const { ring, keyId, sealingId } = this.#current.keys;
    const { database, run } = this.#parts;
    await reportReplica(database, this.#schema, { run, pipeline: this.#pipeline, ring, keyId, sealingId });
  }

  async #follow(): Promise<void> {
    const { ring, keyId, anchorId } = this.#current.keys;
    const { roots } = await readStanding(this.#parts.database, this.#schema, ring);
    const primary = primaryOf(roots);
    if (primary === null || (primary === keyId && anchorOf(roots) === anchorId)) return;
    let code: MasklineError["code"] | null = null;
    try {
      await this.#renewOnce();
    } catch (error) {
      if (!(error instanceof MasklineError)) throw error;
      code = error.code;
    }
    const now = this.#current.keys.keyId;
    if (now === primary || this.#outdatedBy === primary) return;
    this.#outdatedBy = primary;
    this.#parts.report({ kind: "key_outdated", keyId: now, code });
  }

  async #renewOnce(): Promise<void> {
    this.#renewal ??= this.#renewNow().finally(() => (this.#renewal = null));
    await this.#renewal;
  }

  /** Everything is checked as at the start before a batch is made with it. */
  async #renewNow(): Promise<void> {
    const { settings, database, openRing, report } = this.#parts;
    const ring = await openRing();
    const masked = createMasks(settings.columns, ring);
    const keyIds = await rightfulKeyIds(database, this.#schema, ring);
    await pinMaskDefinitions(database, this.#schema, maskPins(settings.columns, ring), keyIds);
    const next = buildMasks(settings, ring, masked, await announce(settings, database, ring));
    const changed = next.keys.keyId !== this.#current.keys.keyId;
    this.#current = next;
    if (!changed) return;
    report({ kind: "key_changed", keyId: next.keys.keyId });
    await this.#sayAlive();
  }
}

/** Makes the ring's keys and the contract's columns known to the database. */
export async function announce(settings: Settings, database: Database, ring: MaskKeys): Promise<RingStanding> {
  const { schema } = postgresOf(settings);
  const standing = await announceKeys(database, schema, ringName(ring), ring.primaryId, ring.keys);
  await registerTokenColumns(database, schema, tokenColumns(settings, ring));
  return standing;
}

function buildMasks(settings: Settings, ring: MaskKeys, masked: readonly MaskedColumn[], standing: RingStanding): Masks {
  requireOpen(ring, standing, settings.columns);
  const tagged = taggedColumns(masked, ring, standing);
  const prepare = preparation(settings, masked);
  const keys: Masks["keys"] = {
    ring: ringName(ring),
    keyId: ring.primaryId,
    anchorId: anchorOf(standing.roots) ?? ring.primaryId,
    sealingId: ring.sealing[0]?.id ?? 0,
    pinnedIds: [...new Set(pinnedMasks(settings.columns).map(({ keyId }) => keyId))],
  };
  return {
    ring,
    keys,
    prepare: (deliveries) => {
      const prepared = prepare(deliveries);
      return { ...prepared, keys: { ...keys, aliases: aliasesOfRows(tagged, prepared.rows) } };
    },
    openSeal: sealing(settings, ring),
  };
}

/**
 * Refuses a ring whose primary may no longer be written with, and masks that name a key which was taken out of use. A key that the
 * database does not know yet is announced at the first start.
 * @throws MasklineError `key_retired`
 */
export function requireOpen(ring: MaskKeys, { roots, closedSealing }: RingStanding, columns: readonly ConfiguredColumn[]): void {
  for (const { place, keyId } of pinnedMasks(columns)) {
    const key = roots.find(({ id }) => id === keyId);
    if (key !== undefined && !servesPins(key)) throw pinBarred(key, `column ${place}`);
  }
  const standing = roots.find(({ id }) => id === ring.primaryId)?.standing;
  const sealingId = ring.sealing[0]?.id;
  const sealsNoMore = sealingId !== undefined && closedSealing.includes(sealingId);
  if ((standing ?? "open") === "open" && !sealsNoMore) return;
  const what = sealsNoMore ? `sealing key ${sealingId}` : `root key ${ring.primaryId}`;
  throw new MasklineError(
    "key_retired",
    `this key ring is out of date: it writes with ${what}, which is ${sealsNoMore ? "closed" : standing} in the database`,
    {
      next: `use the ring as it is now${primaryOf(roots) === null ? "" : `: the one whose primary is ${primaryOf(roots)}`} (maskline keys list shows it)`,
    },
  );
}
