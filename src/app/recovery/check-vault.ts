import { MasklineError } from "../../errors.ts";
import type { Database } from "../../postgres/database.ts";
import { vaultWriting } from "../../postgres/recovery/grants.ts";
import { lackedRights } from "../../postgres/recovery/held-rights.ts";
import { postgresOf } from "../assemble-sink.ts";
import type { Settings } from "../config/load.ts";

/**
 * Whether this user may bring originals and links, as every load with a new value has to.
 * @throws MasklineError `database_denied`
 */
export async function checkVault(settings: Settings, database: Database): Promise<readonly [string, null]> {
  const lacked = await lackedRights(database, postgresOf(settings).schema, vaultWriting);
  if (lacked.length > 0) {
    throw new MasklineError(
      "database_denied",
      "this user may not bring originals into the vault: no load with a vault mask would go through",
      {
        details: lacked.map((right) => `no ${right}`),
        next: "maskline migrate --grants prints the rights of a writer",
      },
    );
  }
  const columns = settings.columns.flatMap(({ column, mask }) => (mask?.kind === "vault" ? [column.name] : []));
  return [`takes the originals of ${columns.join(", ")}`, null];
}
