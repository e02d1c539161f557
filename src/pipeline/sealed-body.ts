import type { Delivery } from "./ports.ts";

/**
 * What the quarantine keeps of a refused message, sealed: all that a replay needs beside the sent time and what it is known by, which
 * are its key (that may be its identity and not its own id). Attributes and group can be personal too.
 */
export function sealedContent(delivery: Delivery): Uint8Array {
  const { id, body, groupId, attributes } = delivery;
  return Buffer.from(JSON.stringify({ version: 1, id, body, groupId, attributes }));
}

/** What a sealed body is bound to: it opens in its own place only. */
export function sealedPlace(pipeline: string, id: string): readonly string[] {
  return ["quarantine", pipeline, id];
}
