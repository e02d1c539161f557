import type { Fault } from "../../contract/fault.ts";
import { MasklineError } from "../../errors.ts";
import { selfTest } from "../../masks/self-test.ts";
import type { MaskedColumn } from "../../pipeline/masking.ts";
import type { Delivery } from "../../pipeline/ports.ts";
import { readSealed } from "../../postgres/recovery/replay.ts";
import { beginAct, type Why } from "../../recovery/govern.ts";
import type { Settings } from "../config/load.ts";
import { createMasks, preparation } from "../masks.ts";
import type { Governed } from "./governance.ts";
import { actUpon, chooseMessages, messageHashes, ofReveal, removedMasks } from "./quarantine-act.ts";
import { openSealed } from "./sealed-bodies.ts";

/** What a column of a refused message would hold, masked as the contract says; or why nothing would. */
export interface RenderedColumn {
  readonly column: string;
  readonly value: string | null;
  readonly faults: readonly Fault[];
}

/**
 * Opens one message and shows what the table would: each column by itself, so that those which can be read are there, whatever is wrong
 * with the others. Opening a body for a person is a reveal: a partial one as long as every field that was masked then still is.
 * @throws MasklineError `right_missing`, `not_found`
 */
export async function renderMasked(
  settings: Settings,
  governed: Governed,
  id: string,
  why: Why,
): Promise<readonly RenderedColumn[]> {
  selfTest();
  const { ring, database, schema, governance } = governed;
  const masked = createMasks(settings.columns, ring);
  const { pipeline, messages } = await chooseMessages(settings, governed, { ids: [id], reason: null, path: null });
  const removed = removedMasks(settings, messages);
  const action = removed === null ? "reveal-partial" : "reveal";
  const facts = actUpon(settings, action, messages, why, { masked: true });
  const act = await beginAct(governance, facts, messageHashes(governed, messages), why.approval).catch((error: unknown) => {
    throw removed === null ? error : ofReveal(error, removed);
  });
  const [sealed] = await readSealed(database, schema, pipeline, messages).catch(async (error: unknown) => {
    await act.fail(error, { opened: 0 });
    throw error;
  });
  const opened = sealed === undefined ? { failure: "gone" as const } : await openSealed(ring, settings.pipeline, sealed);
  if ("failure" in opened) {
    await act.end({ opened: 0, failure: opened.failure });
    throw new MasklineError("not_found", `the body of message ${id} did not open: ${opened.failure}`, {
      next: "maskline keys list shows the sealing keys of this ring; gone: it has left the quarantine",
    });
  }
  const rendered = masked.map((column) => renderColumn(settings, column, opened));
  // nothing is shown that the audit does not say was opened
  await act.end({ opened: 1 });
  return rendered;
}

function renderColumn(settings: Settings, masked: MaskedColumn, delivery: Delivery): RenderedColumn {
  const { identity: _, ...contract } = settings.contract;
  const alone = { ...settings, contract: { ...contract, columns: [masked.column] } };
  const { rows, refused } = preparation(alone, [masked]).prepare([delivery]);
  const faults = refused.flatMap((refusal) => refusal.faults);
  return { column: masked.column.name, value: faults.length > 0 ? null : (rows.columns[0]?.at(0) ?? null), faults };
}
