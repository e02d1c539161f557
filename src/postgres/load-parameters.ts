import type { Batch } from "../pipeline/ports.ts";
import type { BatchPart } from "./batch-part.ts";
import { columnParameters, receiptParameters, sentTimes } from "./load-statement.ts";

/** What the parameters of a load say beside the batch. */
export interface LoadFacts {
  readonly pipeline: number;
  readonly contractHash: string;
  /** Of each refused message, in JSON. */
  readonly structures: readonly string[];
  /** Bodies of the refused messages. */
  readonly sealed: readonly Uint8Array[];
}

/** In the order of the statements (load-statement.ts). */
export function loadParameters(
  { position, keys, advance }: Pick<Batch, "position" | "keys" | "advance">,
  { rows, refused, repeated, heldBack }: BatchPart,
  { pipeline, contractHash, structures, sealed }: LoadFacts,
  hasRows: boolean,
): readonly unknown[] {
  const aliases = keys?.aliases ?? [];
  const parameters: unknown[] = [
    pipeline,
    sentTimes(refused.map(({ delivery }) => delivery)),
    refused.map(({ id }) => id),
    refused.map(({ faults }) => faults[0]?.reason ?? "mask_failed"),
    refused.map(({ faults }) => JSON.stringify(faults)),
    structures,
    refused.map(({ delivery }) => Buffer.byteLength(delivery.body)),
    refused.map(({ delivery }) => delivery.attempt),
    sealed,
    contractHash,
    position.run,
    position.lane,
    position.sequence,
    position.received,
    heldBack.length,
    rows.deliveries.length + refused.length + repeated.length,
  ];
  if (advance === undefined) parameters.push(...receiptParameters(rows));
  else parameters.push(rows.deliveries.length);
  if (hasRows) {
    parameters.push(...columnParameters(rows), keys?.anchorId ?? 0);
    parameters.push(...[aliases.map(({ domain }) => domain), aliases.map(({ token }) => token)]);
    parameters.push(aliases.map(({ canonical }) => canonical));
  }
  return parameters;
}
