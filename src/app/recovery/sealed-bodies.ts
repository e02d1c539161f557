import type { KeyRing } from "../../keys/ring.ts";
import { unseal, UnsealError, type UnsealFailure } from "../../keys/sealing.ts";
import type { Delivery } from "../../pipeline/ports.ts";
import { openedContent, sealedPlace } from "../../pipeline/sealed-body.ts";
import type { SealedMessage } from "../../recovery/replay-store.ts";

/**
 * Opens a body of the quarantine into the delivery that it was: same id, sent time, group and attributes. It counts as received when it was
 * quarantined. Its handle is what the quarantine knows it by. Plain personal data: only after an act was permitted (recovery/govern.ts).
 */
export async function openSealed(
  ring: KeyRing,
  pipeline: string,
  { id, sentAtMs, sealed, attempt, quarantinedAtMs }: SealedMessage,
): Promise<Delivery | { readonly failure: UnsealFailure }> {
  try {
    const content = openedContent(await unseal(ring.sealing, sealed, sealedPlace(pipeline, id)));
    return { ...content, sentAtMs, receivedAtMs: quarantinedAtMs, attempt, handle: id };
  } catch (error) {
    if (error instanceof UnsealError) return { failure: error.failure };
    throw error;
  }
}
