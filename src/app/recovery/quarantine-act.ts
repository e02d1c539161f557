import { MasklineError } from "../../errors.ts";
import { findPipeline } from "../../postgres/pipelines.ts";
import { selectQuarantined, type SelectedMessage, type Selection } from "../../postgres/recovery/quarantine-selection.ts";
import { type ActFacts, listDigest, quarantineDomain } from "../../recovery/audit-entry.ts";
import { canonicalJson, type CanonicalValue } from "../../recovery/canonical-json.ts";
import { RefusedAct, type Why } from "../../recovery/govern.ts";
import type { Attempt } from "../../recovery/refusal.ts";
import type { Settings } from "../config/load.ts";
import { boundTo } from "./bound-masks.ts";
import type { Governed } from "./governance.ts";
import { masksRemoved, readTreatments, treatmentsOf } from "./treatments.ts";

/** The messages that an act is about. */
export interface ChosenMessages {
  /** The pipeline's number; 0 where it has never run, and has no messages. */
  readonly pipeline: number;
  readonly messages: readonly SelectedMessage[];
  /** Ids that were named and are not in the quarantine. */
  readonly missing: readonly string[];
}

/** @throws MasklineError `not_found` where messages were named and none of them is in the quarantine */
export async function chooseMessages(
  settings: Settings,
  { database, schema }: Governed,
  selection: Selection,
): Promise<ChosenMessages> {
  const messages = await selectQuarantined(database, schema, settings.pipeline, selection);
  const found = new Set(messages.map(({ id }) => id));
  const missing = (selection.ids ?? []).filter((id) => !found.has(id));
  if (messages.length === 0 && missing.length > 0) {
    throw new MasklineError("not_found", `no such message is in the quarantine of pipeline ${settings.pipeline} (any more)`, {
      next: "maskline quarantine list; maskline ledger --message ID says what became of one",
    });
  }
  return { pipeline: (await findPipeline(database, schema, settings.pipeline)) ?? 0, messages, missing };
}

/** What is said of an act upon these messages: its list is frozen, in its order, with what is done to them: who agrees that messages are
 *  discarded has not agreed that they are loaded, nor who agrees to these masks and this table to others. */
export function actUpon(
  settings: Settings,
  action: ActFacts["action"],
  messages: readonly SelectedMessage[],
  { reason, ticket }: Why,
  more: { readonly [name: string]: CanonicalValue },
): ActFacts {
  const details = { ...boundTo(settings), ...more };
  const list = [settings.pipeline, canonicalJson(details), ...messages.flatMap(({ sentAtMs, id }) => [String(sentAtMs), id])];
  return {
    action,
    domain: quarantineDomain,
    amount: messages.length,
    list: listDigest(list).toString("hex"),
    reason,
    ticket,
    details: { pipeline: settings.pipeline, ...details },
  };
}

/** What was attempted, where it ends before it is known of which messages. */
export function attemptUpon(settings: Settings, action: ActFacts["action"], details: ActFacts["details"]): Attempt {
  return { action, domain: quarantineDomain, details: { pipeline: settings.pipeline, ...details } };
}

/** So that it can be asked who opened a message. */
export function messageHashes({ keys }: Governed, messages: readonly SelectedMessage[]): readonly Buffer[] {
  return keys.hashTokens(
    quarantineDomain,
    messages.map(({ id }) => id),
  );
}

/** Which masks are gone since bodies were sealed. */
export interface RemovedMasks {
  /** Of so many messages, those of which it is not known among them. */
  readonly messages: number;
  /** Of so many messages nobody wrote down which masks they were sealed under. */
  readonly unknown: number;
  /** Paths of the contract of then. */
  readonly paths: readonly string[];
}

/** Null where every field that was masked then still is. */
export function removedMasks(settings: Settings, messages: readonly Pick<SelectedMessage, "masks">[]): RemovedMasks | null {
  const today = treatmentsOf(settings);
  const paths = new Set<string>();
  let [affected, unknown] = [0, 0];
  for (const [masks, alike] of Map.groupBy(messages, (message) => message.masks)) {
    const removed = masksRemoved(masks === null ? null : readTreatments(masks), today);
    if (removed?.length === 0) continue;
    affected += alike.length;
    if (removed === null) unknown += alike.length;
    for (const path of removed ?? []) paths.add(path);
  }
  return affected === 0 ? null : { messages: affected, unknown, paths: [...paths].toSorted() };
}

/** What is refused because removed masks make a reveal of it: says so. */
export function ofReveal(error: unknown, { messages, unknown, paths }: RemovedMasks): unknown {
  if (!(error instanceof RefusedAct) || !isReveal(error)) return error;
  const gone = paths.length === 0 ? [] : [`no longer masked as then: ${paths.join(", ")}`];
  const untold = unknown === 0 ? [] : [`of ${unknown} it is not known what was masked when they were sealed`];
  const details = [...gone, ...untold];
  const { code, message, next } = error;
  if (code !== "right_missing") return new MasklineError(code, message, { details, ...(next === undefined ? {} : { next }) });
  return new MasklineError(
    "right_missing",
    `masks were removed since ${messages} of these messages were sealed: that takes the right to reveal values of ${quarantineDomain} too`,
    {
      details,
      next: "put the masks back, or let a person with that right (the privacy officer) do it; nothing was opened",
    },
  );
}

/** Of the replay itself nothing is to be said of masks, but where both ask for a second person. */
function isReveal({ action, code }: RefusedAct): boolean {
  return action === "reveal" || code === "approval_needed";
}
