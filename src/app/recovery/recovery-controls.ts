import { MasklineError } from "../../errors.ts";
import { readWrapped, type WrappingKind } from "../../keys/wrapping.ts";
import type { Settings } from "../config/load.ts";
import { openRingStore, ringPlace } from "../keys/ring-place.ts";
import { demandedWrapping } from "../keys/stored-ring.ts";

/**
 * Why policy, limits and audit only advise where this configuration is used; null where nothing here speaks against them. They are kept by
 * the database, and bind whoever needs maskline to open a value: not whoever can take the keys and open it without.
 */
export async function advisoryControls(settings: Settings): Promise<string | null> {
  const { keyring } = settings.options;
  if (keyring === undefined) return null;
  const place = /^(file|env):/.exec(keyring.from)?.[1];
  if (place === undefined || (await wrappingOf(settings)) !== "plain") return null;
  const holder = place === "file" ? "can read the key ring's file" : "can read the variable with the key ring";
  return `recovery controls are advisory: whoever ${holder} opens values past policy, limits and audit; a ring that only the recovery principal may fetch (aws-kms:, aws-secretsmanager:, aws-ssm:) and a writer's ring for pipelines make them binding (docs/keys.md)`;
}

/** As the ring's text says, which is not opened; where it cannot be read, as the configuration demands. */
async function wrappingOf(settings: Settings): Promise<WrappingKind> {
  try {
    const store = await openRingStore(ringPlace(settings));
    return readWrapped(await store.read()).kind;
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    return settings.options.keyring === undefined ? "plain" : (demandedWrapping(settings.options.keyring)?.kind ?? "plain");
  }
}
