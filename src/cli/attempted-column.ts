import { placedMasks } from "../app/config/configured-column.ts";
import type { Settings } from "../app/config/load.ts";
import type { KeyedPlace } from "../app/recovery/recoverable.ts";
import { everyDomain } from "../recovery/audit-entry.ts";
import type { Attempt } from "../recovery/refusal.ts";
import type { Call } from "./command.ts";
import { attemptedOn } from "./explained-act.ts";

/**
 * The column of --column, as `find` has it. One that the contract does not have, or whose tokens are not for this, was attempted all the
 * same: the audit is told.
 */
export async function attemptedColumn(
  call: Call,
  settings: Settings,
  action: Attempt["action"],
  find: (settings: Settings, name: string | null) => KeyedPlace,
): Promise<KeyedPlace> {
  const name = call.text("column");
  if (name === null) return find(settings, null);
  const masked = settings.columns.flatMap(placedMasks).find(({ place }) => place === name);
  const isNamed = masked !== undefined || settings.columns.some(({ column }) => column.name === name);
  // what is no name of the contract may be anything that was pasted
  const attempt = { action, domain: masked?.mask.domain ?? everyDomain, details: { column: isNamed ? name : null } };
  return attemptedOn(call, settings, attempt, () => find(settings, name));
}
