import { MasklineError } from "../errors.ts";
import { anchorOf, primaryOf, servesPins } from "../keys/key-standing.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import type { Batch, BatchKeys, Delivery } from "../pipeline/ports.ts";
import type { Prepared } from "../pipeline/prepare.ts";
import type { Report } from "../pipeline/report.ts";
import type { Database } from "../postgres/database.ts";
import { pinMaskDefinitions } from "../postgres/mask-definitions.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import { dismissReplica, forgetDeadReplicas, reportReplica } from "../postgres/replicas.ts";
import { announceKeys, pinBarred, readStanding, type RingStanding } from "../postgres/ring-keys.ts";
import { registerTokenColumns, type TokenColumn } from "../postgres/token-columns.ts";
import { aliasesOfRows } from "../recovery/remask.ts";
import { tokensPass, underTodaysKey } from "./accepted-tokens.ts";
import { sealing } from "./assemble-keys.ts";
import { postgresOf } from "./assemble-sink.ts";
import { type ConfiguredColumn, pinnedMasks } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { type FollowerPorts, RingFollower, type Writing } from "./keys/ring-follower.ts";
import { createMasks, maskPins, preparation } from "./masks.ts";
import { rightfulKeyIds, ringName, taggedColumns, tokenColumns } from "./tagged-columns.ts";
import { vaulting } from "./vault.ts";

type PreparedUnderKeys = Prepared & Pick<Batch, "vault"> & { readonly keys: BatchKeys };

/** All that depends on the ring as it was when it was opened. */
interface Masks extends Writing {
  /** Where its tokens stand. */
  readonly written: readonly TokenColumn[];
  readonly prepare: (deliveries: readonly Delivery[]) => Promise<PreparedUnderKeys>;
  readonly openSeal: () => Batch["seal"];
}

export interface LiveMasksParts {
  readonly settings: Settings;
  readonly database: Database;
  readonly run: string;
  readonly report: Report;
  readonly clock: Clock;
  /** The wish to end. */
  readonly stop: AbortSignal;
  /** Opens the ring again; what the provider gives now. */
  readonly openRing: () => Promise<MaskKeys>;
  /** For trusted input only: what is a token already stays one, under the key of today. */
  readonly acceptTokens?: boolean;
}

/** The masks of a running process, which follow the ring (ring-follower.ts), and its place among the processes the database knows. */
export class LiveMasks {
  readonly #follower: RingFollower<Masks>;
  readonly #dismiss: () => Promise<void>;

  private constructor(follower: RingFollower<Masks>, dismiss: () => Promise<void>) {
    this.#follower = follower;
    this.#dismiss = dismiss;
  }

  /** @throws MasklineError `key_retired` when the ring's primary may no longer be written with */
  static async open(parts: LiveMasksParts, ring: MaskKeys, masked: readonly MaskedColumn[]): Promise<LiveMasks> {
    const { settings, database, run, stop } = parts;
    const { schema } = postgresOf(settings);
    const masks = buildMasks(parts, ring, masked, await announce(settings, database, ring));
    const pipeline = await registerPipeline(database, schema, settings.pipeline);
    const reportKeys = ({ keys: { ring: name, keyId, sealingId } }: Masks): Promise<void> =>
      reportReplica(database, schema, { run, pipeline, ring: name, keyId, sealingId });
    const sayAlive = async (current: Masks): Promise<void> => {
      await reportKeys(current);
      // the table may have been put aside by another name since, and a new one in its place
      await registerTokenColumns(database, schema, current.written);
    };
    const ports: FollowerPorts<Masks> = {
      sayAlive,
      readRoots: async ({ keys }) => (await readStanding(database, schema, keys.ring)).roots,
      reopen: (ended) => reopenMasks(parts, schema, ended),
      clock: parts.clock,
      report: parts.report,
    };
    await reportKeys(masks);
    await forgetDeadReplicas(database, schema).catch(() => {});
    return new LiveMasks(new RingFollower(ports, masks, stop), () => dismissReplica(database, schema, run));
  }

  readonly prepare = (deliveries: readonly Delivery[]): Promise<PreparedUnderKeys> => this.#follower.current.prepare(deliveries);

  readonly openSeal = (): Batch["seal"] => this.#follower.current.openSeal();

  /** Whether batches are made with other keys than the refused ones from now on. */
  readonly renew = (refused: BatchKeys): Promise<boolean> => this.#follower.renew(refused);

  /** Says that the process lives, and follows the ring, until `ended`. */
  readonly follow = (ended: AbortSignal): Promise<void> => this.#follower.follow(ended);

  async end(): Promise<void> {
    this.#follower.end();
    await this.#dismiss().catch(() => {});
  }
}

async function reopenMasks(parts: LiveMasksParts, schema: string, ended: AbortSignal): Promise<Masks> {
  const { settings, database } = parts;
  const ring = await parts.openRing();
  if (ended.aborted) throw new MasklineError("interrupted", "stopped while the key ring was opened again; nothing was done");
  const masked = createMasks(settings.columns, ring);
  const keyIds = await rightfulKeyIds(database, schema, ring);
  await pinMaskDefinitions(database, schema, maskPins(settings.columns, ring), keyIds);
  return buildMasks(parts, ring, masked, await announce(settings, database, ring));
}

/** Makes the ring's keys and the contract's columns known to the database. */
export async function announce(settings: Settings, database: Database, ring: MaskKeys): Promise<RingStanding> {
  const { schema } = postgresOf(settings);
  const standing = await announceKeys(database, schema, ringName(ring), ring.primaryId, ring.keys);
  await registerTokenColumns(database, schema, tokenColumns(settings, ring));
  return standing;
}

function buildMasks(
  { settings, acceptTokens = false }: LiveMasksParts,
  ring: MaskKeys,
  masked: readonly MaskedColumn[],
  standing: RingStanding,
): Masks {
  requireOpen(ring, standing, settings.columns);
  const tagged = taggedColumns(masked, ring, standing);
  const inner = preparation(settings, masked, { acceptTokens });
  const openVault = vaulting(settings, ring, masked, acceptTokens ? tokensPass(masked) : new Map());
  const keys: Masks["keys"] = {
    ring: ringName(ring),
    keyId: ring.primaryId,
    anchorId: anchorOf(standing.roots) ?? ring.primaryId,
    sealingId: ring.sealing[0]?.id ?? 0,
    pinnedIds: [...new Set(pinnedMasks(settings.columns).map(({ keyId }) => keyId))],
  };
  return {
    keys,
    written: tokenColumns(settings, ring),
    prepare: async (deliveries) => {
      const { rows: made, ...prepared } = await inner.prepareInTurn(deliveries);
      const rows = acceptTokens ? underTodaysKey(tagged, made) : made;
      const under = { ...prepared, rows, keys: { ...keys, aliases: aliasesOfRows(tagged, rows) } };
      return openVault === null ? under : { ...under, vault: openVault() };
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
