import type { Delivery } from "./ports.ts";

/**
 * What the quarantine keeps of a refused message, sealed: all that a replay needs beside the id and the sent time, which are its key.
 * Attributes and group can be personal too.
 */
export function sealedContent(delivery: Delivery): Uint8Array {
  const { body, groupId, attributes } = delivery;
  return Buffer.from(JSON.stringify({ version: 1, body, groupId, attributes }));
}

/** What a sealed body is bound to: it opens in its own place only. */
export function sealedPlace(pipeline: string, id: string): readonly string[] {
  return ["quarantine", pipeline, id];
}
