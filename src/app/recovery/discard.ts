import { contractHash } from "../../contract/contract-hash.ts";
import { discardQuarantined, QuarantineExit } from "../../postgres/recovery/quarantine-exit.ts";
import type { Selection } from "../../postgres/recovery/quarantine-selection.ts";
import { beginAct, type Why } from "../../recovery/govern.ts";
import type { Settings } from "../config/load.ts";
import type { Governed } from "./governance.ts";
import { actUpon, chooseMessages, messageHashes } from "./quarantine-act.ts";

export interface DiscardRequest {
  readonly selection: Selection;
  readonly why: Why;
  readonly dryRun: boolean;
  readonly onProgress: (discarded: number) => void;
  readonly stop: AbortSignal;
}

export interface Discarded {
  readonly act: string | null;
  readonly selected: number;
  readonly discarded: number;
  readonly missing: readonly string[];
}

/** Removes messages for good, unopened. A rehearsal only says how many: nothing is opened or changed, and no right is asked for. */
export async function discardMessages(
  settings: Settings,
  governed: Governed,
  { selection, why, dryRun, onProgress, stop }: DiscardRequest,
): Promise<Discarded> {
  const { database, schema, governance } = governed;
  const { pipeline, messages, missing } = await chooseMessages(settings, governed, selection);
  const selected = messages.length;
  if (selected === 0 || dryRun) return { act: null, selected, discarded: 0, missing };
  const hash = contractHash(settings.contract);
  const facts = actUpon(settings, "replay", messages, why, { discard: true });
  const act = await beginAct(governance, facts, messageHashes(governed, messages), why.approval);
  let discarded = 0;
  const note = (soFar: number): void => {
    discarded = soFar;
    onProgress(soFar);
  };
  try {
    const exit = new QuarantineExit(schema, pipeline);
    await discardQuarantined(database, exit, messages, { act: act.id, contractHash: hash }, stop, note);
  } catch (error) {
    await act.fail(error, { discarded });
    throw error;
  }
  await act.end({ discarded, complete: !stop.aborted });
  return { act: act.id, selected, discarded, missing };
}
