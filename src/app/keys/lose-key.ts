import { MasklineError } from "../../errors.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { PostgresKeyUse } from "../../postgres/key-use.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { noteStanding } from "../../postgres/ring-keys.ts";
import { openRingForChange } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { ringName } from "../tagged-columns.ts";
import { refuseUsed } from "./key-users.ts";
import { requireMatching } from "./known-ring.ts";

/**
 * Lets the database go on without a root key that no copy of the ring holds any more: its tokens stay as they are and never open.
 * The ring is not changed. `confirm` is told where those tokens are.
 * @throws MasklineError `key_in_use` when the ring, or a running process, still has the key
 */
export async function loseKey(
  settings: Settings,
  keyId: number,
  confirm: (holders: readonly string[]) => Promise<void>,
): Promise<readonly string[]> {
  const { ring } = await openRingForChange(settings);
  refuseFound(ring, keyId);
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    const { roots } = await requireMatching(settings, database, ring);
    const standing = roots.find(({ id }) => id === keyId)?.standing;
    if (standing === undefined) {
      throw new MasklineError("key_unknown", `the database knows no key ${keyId} of this ring`, { next: "maskline keys list" });
    }
    const use = new PostgresKeyUse(database, schema, ringName(ring));
    refuseUsed(keyId, { writers: await use.writers([keyId]) });
    const holders = await use.holders([keyId]);
    await confirm(holders);
    await noteStanding(database, schema, ringName(ring), keyId, "destroyed");
    return holders;
  });
}

function refuseFound(ring: KeyRing, keyId: number): void {
  const status = ring.keys.find(({ id }) => id === keyId)?.status;
  if (status === undefined || status === "DESTROYED") return;
  throw new MasklineError("key_in_use", `key ${keyId} is not lost: the ring has it, ${status.toLowerCase()}`, {
    next: status === "DISABLED" ? `maskline keys enable ${keyId}` : `maskline keys rekey, then maskline keys disable ${keyId}`,
  });
}
