import { MasklineError } from "../../errors.ts";
import { type AuditKeys, auditKeys } from "../../keys/audit-keys.ts";
import type { KeyRing } from "../../keys/ring.ts";
import type { Database } from "../../postgres/database.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { PostgresGovernance } from "../../postgres/recovery/governance.ts";
import type { TellHead } from "../../recovery/ports.ts";
import { withDatabase } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";
import { isKnownOther, requireMatching } from "../keys/known-ring.ts";
import { openAttributedRing } from "./principal.ts";

/** What the commands of the way back work with. */
export interface Governed {
  readonly settings: Settings;
  readonly ring: KeyRing;
  /** The ring's, which the audit is kept with. */
  readonly keys: AuditKeys;
  readonly database: Database;
  readonly schema: string;
  readonly governance: PostgresGovernance;
}

/**
 * Opens the full ring and the database, whose policy and audit decide, for `work`.
 * @param onDenied for whoever may not read what a ring is compared with: called with the audit, unless the ring is known to be another
 * @throws MasklineError `keyring_rootless` with a writer's ring, `audit_unwritable` where AWS does not say who has opened a ring of AWS,
 *   `key_mismatch` where the ring is not the one of this database
 */
export async function withGovernance<T>(
  settings: Settings,
  tellHead: TellHead,
  work: (governed: Governed) => Promise<T>,
  onDenied: (governance: PostgresGovernance) => Promise<void> = async () => {},
): Promise<T> {
  const { ring, principal } = await openAttributedRing(settings);
  const keys = auditKeys(ring);
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    const governance = new PostgresGovernance(database, schema, keys, principal, tellHead);
    await requireMatching(settings, database, ring).catch(async (error: unknown) => {
      const isDenied = error instanceof MasklineError && error.code === "database_denied";
      // a row that another ring has signed would stand in this audit for good
      if (isDenied && !(await isKnownOther(settings, database, ring))) await onDenied(governance);
      throw error;
    });
    return work({ settings, ring, keys, database, schema, governance });
  });
}
