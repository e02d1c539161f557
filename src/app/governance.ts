import { auditKeys } from "../keys/audit-keys.ts";
import type { KeyRing } from "../keys/ring.ts";
import type { Database } from "../postgres/database.ts";
import { PostgresGovernance } from "../postgres/governance.ts";
import { requireSchema } from "../postgres/migrate.ts";
import type { TellHead } from "../recovery/ports.ts";
import { openAttributedRing } from "./assemble-keys.ts";
import { withDatabase } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";
import { requireMatching } from "./known-ring.ts";

/** What the commands of the way back work with. */
export interface Governed {
  readonly ring: KeyRing;
  readonly database: Database;
  readonly schema: string;
  readonly governance: PostgresGovernance;
}

/**
 * Opens the full ring and the database, whose policy and audit decide, for `work`.
 * @throws MasklineError `keyring_rootless` with a writer's ring, `audit_unwritable` where AWS does not say who has opened a ring of AWS,
 *   `key_mismatch` where the ring is not the one of this database
 */
export async function withGovernance<T>(
  settings: Settings,
  tellHead: TellHead,
  work: (governed: Governed) => Promise<T>,
): Promise<T> {
  const { ring, principal } = await openAttributedRing(settings);
  const keys = auditKeys(ring);
  if (keys === null) throw new TypeError("the primary of a ring is enabled");
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    await requireMatching(settings, database, ring);
    return work({ ring, database, schema, governance: new PostgresGovernance(database, schema, keys, principal, tellHead) });
  });
}
