import { randomUUID } from "node:crypto";

import { contractHash } from "../../contract/contract-hash.ts";
import { describeStructure } from "../../contract/structure.ts";
import { sealingSelfTest } from "../../keys/self-test.ts";
import { selfTest } from "../../masks/self-test.ts";
import type { MaskedColumn } from "../../pipeline/masking.ts";
import type { Report } from "../../pipeline/report.ts";
import { pinMaskDefinitions } from "../../postgres/mask-definitions.ts";
import type { Selection } from "../../postgres/recovery/quarantine-selection.ts";
import { PostgresReplay } from "../../postgres/recovery/replay.ts";
import { checkTarget } from "../../postgres/target.ts";
import type { ActFacts } from "../../recovery/audit-entry.ts";
import { beginActs, type GovernedAct, type Outcome, type WantedAct, type Why } from "../../recovery/govern.ts";
import type { ReplayStore } from "../../recovery/replay-store.ts";
import { Replay, type ReplayCounts, type ReplayParts, type ReplayResult } from "../../recovery/replay.ts";
import { openKeyRing } from "../assemble-keys.ts";
import { type CheckedTarget, openTarget } from "../assemble-sink.ts";
import { compareKeys } from "../check.ts";
import type { Settings } from "../config/load.ts";
import { subjectColumn } from "../config/subject.ts";
import { LiveMasks } from "../live-masks.ts";
import { columnDemands, createMasks, maskPins, preparation, requireExpected } from "../masks.ts";
import { systemClock } from "../system-clock.ts";
import { rightfulKeyIds } from "../tagged-columns.ts";
import { vaulting } from "../vault.ts";
import type { Governed } from "./governance.ts";
import { actUpon, chooseMessages, messageHashes, ofReveal, type RemovedMasks, removedMasks } from "./quarantine-act.ts";
import { openSealed } from "./sealed-bodies.ts";

export interface ReplayRequest {
  readonly selection: Selection;
  readonly why: Why;
  /** Of a second person, where masks were removed and that many values need one. */
  readonly revealApproval: string | null;
  /** Everything is done, and rolled back. */
  readonly dryRun: boolean;
  /** Infinity for no limit. */
  readonly messagesPerSecond: number;
  readonly report: Report;
  /** Called when the act is permitted, before the first body is opened. */
  readonly onBegin: (messages: number, removed: RemovedMasks | null) => void;
  readonly onProgress: (soFar: ReplayCounts) => void;
  readonly stop: AbortSignal;
  /** Stands between the replay and the database; tests use it to break what they must find broken. */
  readonly wrapStore?: (store: ReplayStore) => ReplayStore;
}

/** What a replay came to; `act` is null where there was nothing to do. */
export interface Replayed extends ReplayResult {
  readonly act: string | null;
  readonly selected: number;
  /** Ids that were named and are not in the quarantine. */
  readonly missing: readonly string[];
  readonly removed: RemovedMasks | null;
}

/**
 * Runs quarantined messages through the contract and the keys of today: what becomes a row leaves the quarantine in the transaction that
 * loads it. Killed or stopped, it is called again.
 */
export async function replayQuarantine(settings: Settings, governed: Governed, request: ReplayRequest): Promise<Replayed> {
  selfTest();
  await sealingSelfTest();
  const { ring, database } = governed;
  const { selection, why, dryRun, stop } = request;
  requireExpected(settings.options.keyring?.expect, settings.columns, ring);
  const masked = createMasks(settings.columns, ring);
  // a target that does not fit is told before anybody's right is used up
  const target = await openTarget(settings, masked, database);
  const { pipeline, messages, missing } = await chooseMessages(settings, governed, selection);
  if (messages.length === 0) return { ...nothing, missing };
  const removed = removedMasks(settings, messages);
  const hash = contractHash(settings.contract);
  const facts = actUpon(settings, "replay", messages, why, { contract: hash, dryRun });
  const acts = await beginReplay(governed, facts, messageHashes(governed, messages), removed, request);
  const told = async (outcome: Outcome): Promise<void> => {
    for (const one of acts) await one.end(outcome);
  };
  const [act] = acts;
  request.onBegin(messages.length, removed);
  const own = new PostgresReplay(database, {
    ...storeParts(settings, masked, target, governed),
    pipeline,
    act: act.id,
    rehearses: dryRun,
    needsVault: subjectColumn(settings.columns) !== null,
  });
  const store = request.wrapStore?.(own) ?? own;
  let replay: Replay | null = null;
  let masks: OpenedMasks | null = null;
  try {
    masks = await openMasks(settings, governed, masked, request);
    replay = new Replay({
      store,
      open: (message) => openSealed(ring, settings.pipeline, message),
      prepare: masks.prepare,
      renewKeys: masks.renew,
      messagesPerSecond: request.messagesPerSecond,
      clock: systemClock,
      stop,
      report: request.onProgress,
    });
    const result = await replay.run(messages);
    await told({ ...counted(result), complete: result.complete });
    return { ...result, act: act.id, selected: messages.length, missing, removed };
  } catch (error) {
    for (const one of acts) await one.fail(error, counted(replay?.counts ?? nothing));
    throw error;
  } finally {
    await masks?.end();
  }
}

const nothing = {
  loaded: 0,
  duplicate: 0,
  refused: 0,
  unopened: 0,
  gone: 0,
  stays: [],
  examples: [],
  complete: true,
  act: null,
  selected: 0,
  removed: null,
} satisfies Partial<Replayed>;

/** What the audit is told: counts alone. */
function counted({ loaded, duplicate, refused, unopened, gone }: ReplayCounts): Readonly<Record<string, number>> {
  return { loaded, duplicate, refused, unopened, gone };
}

/** Where masks were removed, the replay is a reveal as well: both acts are permitted, or neither, and both end with what came of it. */
async function beginReplay(
  { governance }: Governed,
  facts: ActFacts,
  tokenHashes: readonly Buffer[],
  removed: RemovedMasks | null,
  { why, revealApproval }: Pick<ReplayRequest, "why" | "revealApproval">,
): Promise<readonly [GovernedAct, ...GovernedAct[]]> {
  const replay: WantedAct = { facts, tokenHashes, approval: why.approval };
  const reveal = removed === null ? [] : [revealing(facts, tokenHashes, removed, revealApproval)];
  try {
    const [first, ...others] = await beginActs(governance, [replay, ...reveal]);
    if (first === undefined) throw new TypeError("an act that is permitted begins");
    return [first, ...others];
  } catch (error) {
    throw removed === null ? error : ofReveal(error, removed);
  }
}

function revealing(facts: ActFacts, tokenHashes: readonly Buffer[], removed: RemovedMasks, approval: string | null): WantedAct {
  const details = { ...facts.details, removed: removed.paths, unknown: removed.unknown };
  return { facts: { ...facts, action: "reveal", details }, tokenHashes, approval, approvalFlag: "--reveal-approval" };
}

type OpenedMasks = {
  readonly prepare: ReplayParts["prepare"];
  readonly renew: ReplayParts["renewKeys"];
  readonly end: () => Promise<void>;
};

/** The masks of a process that writes: the database knows of it, and a rekey waits for it. A rehearsal leaves nothing there. */
async function openMasks(
  settings: Settings,
  { ring, database, schema }: Governed,
  masked: readonly MaskedColumn[],
  { dryRun, report, stop }: ReplayRequest,
): Promise<OpenedMasks> {
  if (dryRun) {
    await compareKeys(settings, database, ring);
    const inner = preparation(settings, masked);
    const openVault = vaulting(settings, ring, masked);
    const prepare: ReplayParts["prepare"] = async (deliveries) => {
      const prepared = inner.prepare(deliveries);
      return openVault === null ? prepared : { ...prepared, vault: openVault() };
    };
    return { prepare, renew: async () => false, end: async () => {} };
  }
  await pinMaskDefinitions(database, schema, maskPins(settings.columns, ring), await rightfulKeyIds(database, schema, ring));
  const openRing = (): ReturnType<typeof openKeyRing> => openKeyRing(settings);
  const live = await LiveMasks.open(
    { settings, database, run: randomUUID(), report, clock: systemClock, stop, openRing },
    ring,
    masked,
  );
  const ended = new AbortController();
  const following = live.follow(ended.signal);
  return {
    prepare: live.prepare,
    renew: live.renew,
    end: async () => {
      ended.abort();
      await following;
      await live.end();
    },
  };
}

function storeParts(
  settings: Settings,
  masked: readonly MaskedColumn[],
  target: CheckedTarget,
  { database }: Governed,
): CheckedTarget & Pick<ConstructorParameters<typeof PostgresReplay>[1], "contractHash" | "describe" | "recheckTarget"> {
  return {
    ...target,
    contractHash: contractHash(settings.contract),
    describe: (delivery) => describeStructure(settings.contract, delivery),
    recheckTarget: async () => void (await checkTarget(database, target.table, columnDemands(masked))),
  };
}
