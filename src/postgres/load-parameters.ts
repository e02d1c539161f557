import type { Batch } from "../pipeline/ports.ts";
import type { BatchPart } from "./batch-part.ts";
import type { Parameter } from "./extended-messages.ts";
import { columnParameters, type LoadShape, receiptParameters, sentTimes } from "./load-statement.ts";

/** What the parameters of a load say beside the batch. */
export interface LoadFacts {
  readonly pipeline: number;
  readonly contractHash: string;
  /** How the contract treats each field, in JSON; null where nobody says. */
  readonly masks: string | null;
  /** Of each refused message, in JSON. */
  readonly structures: readonly string[];
  /** Bodies of the refused messages. */
  readonly sealed: readonly Uint8Array[];
  /** Keyed hashes of whose they are, as far as they say. */
  readonly subjects: readonly (Buffer | null)[];
}

/** What is in a load of this part, whose rows are in its statement or follow by COPY. */
export function shapeOf({ advance, keys }: Pick<Batch, "keys" | "advance">, part: BatchPart, hasRows: boolean): LoadShape {
  const hasAliases = (keys?.aliases.length ?? 0) > 0;
  return { hasReceipts: advance === undefined, hasRows, hasRefused: part.refused.length > 0, hasAliases };
}

/** In the order of the statement of this shape (load-statement.ts). */
export function loadParameters(
  { position, keys }: Pick<Batch, "position" | "keys">,
  { rows, refused, repeated, heldBack }: BatchPart,
  { pipeline, contractHash, masks, structures, sealed, subjects }: LoadFacts,
  { hasReceipts, hasRows, hasRefused, hasAliases }: LoadShape,
): readonly Parameter[] {
  const { run, lane, sequence, received } = position;
  const total = rows.deliveries.length + refused.length + repeated.length;
  const parameters: Parameter[] = [pipeline, run, lane, sequence, received, heldBack.length, total];
  if (hasRefused) {
    parameters.push(
      contractHash,
      masks,
      sentTimes(refused.map(({ delivery }) => delivery)),
      refused.map(({ id }) => id),
      refused.map(({ faults }) => faults[0]?.reason ?? "mask_failed"),
      refused.map(({ faults }) => JSON.stringify(faults)),
      structures,
      refused.map(({ delivery }) => Buffer.byteLength(delivery.body)),
      refused.map(({ delivery }) => delivery.attempt),
      sealed,
      subjects,
    );
  }
  if (hasReceipts) parameters.push(...receiptParameters(rows));
  else parameters.push(rows.deliveries.length);
  if (hasRows) parameters.push(...columnParameters(rows));
  if (hasAliases) {
    const aliases = keys?.aliases ?? [];
    parameters.push(
      keys?.anchorId ?? 0,
      aliases.map(({ domain }) => domain),
      aliases.map(({ token }) => token),
      aliases.map(({ canonical }) => canonical),
    );
  }
  return parameters;
}
