import { MasklineError } from "../errors.ts";
import type { MaskDefinition, MaskSettings } from "./mask.ts";

/** An option that a mask cannot do without. The configuration is checked long before (app/config/mask-faults.ts). */
export function settingOf<Name extends keyof MaskSettings>(
  { kind, settings }: MaskDefinition,
  name: Name,
): NonNullable<MaskSettings[Name]> {
  const setting = settings[name];
  if (setting === undefined) throw new MasklineError("internal", `a ${kind} mask without ${name}`);
  return setting;
}
