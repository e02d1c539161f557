import { freezeList, reveal, type RevealedTarget, type RevealRequest, type RevealResult } from "../../recovery/reveal.ts";
import type { Governed } from "./governance.ts";
import { type KeyedPlace, openPlace } from "./recoverable.ts";
import { requireChoosable, requireOneKey } from "./token-key.ts";

/** What whoever asks says for it, and how much of the values is to be shown. */
export interface RevealAsked extends Omit<RevealRequest, "domain" | "type"> {
  /** The key of tokens that do not say it; null for the one that the mask names. */
  readonly keyId: number | null;
}

/**
 * Opens tokens of a place, each once. A key that was chosen stands in the audit.
 * @throws MasklineError as `reveal`, `usage` where it takes a key to be chosen, or takes none, `key_unknown` for one that is not enabled
 */
export async function revealTokens(
  governed: Governed,
  placed: KeyedPlace,
  { keyId, details, ...asked }: RevealAsked,
  tokens: Iterable<string>,
  target: RevealedTarget,
  stop: AbortSignal,
): Promise<RevealResult> {
  if (keyId === null) await requireOneKey(governed, placed);
  else requireChoosable(placed);
  const request = {
    domain: placed.domain,
    type: placed.read.type,
    ...asked,
    details: keyId === null ? details : { ...details, key: keyId },
  };
  const { governance, keys } = governed;
  return reveal(request, freezeList(tokens), { governance, keys, opener: openPlace(governed, placed, keyId) }, target, stop);
}
