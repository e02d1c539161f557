import { MasklineError } from "../errors.ts";
import type { Delivery } from "./ports.ts";

/** What a sealed body holds. */
export type SealedContent = Pick<Delivery, "id" | "body" | "groupId" | "attributes">;

/**
 * What the quarantine keeps of a refused message, sealed: all that a replay needs beside the sent time and what it is known by, which
 * are its key (that may be its identity and not its own id). Attributes and group can be personal too.
 */
export function sealedContent(delivery: Delivery): Uint8Array {
  const { id, body, groupId, attributes } = delivery;
  return Buffer.from(JSON.stringify({ version: 1, id, body, groupId, attributes }));
}

/** Reads what `sealedContent` wrote. @throws MasklineError `internal` for another version: it was sealed by a newer program */
export function openedContent(bytes: Uint8Array): SealedContent {
  const { version, id, body, groupId, attributes } = JSON.parse(Buffer.from(bytes).toString()) as SealedContent & {
    version: number;
  };
  if (version !== 1) throw new MasklineError("internal", "a sealed body has a form that this program does not know");
  return { id, body, groupId, attributes };
}

/** What a sealed body is bound to: it opens in its own place only. */
export function sealedPlace(pipeline: string, id: string): readonly string[] {
  return ["quarantine", pipeline, id];
}
