import { MasklineError } from "../../errors.ts";
import type { KeyService } from "../../keys/kms-wrapping.ts";
import type { KeyringOptions } from "../../keys/options.ts";
import { readPrivateFile } from "../../keys/providers/private-file.ts";
import { openStore } from "../../keys/providers/stores.ts";
import type { RingStore } from "../../keys/ring-store.ts";
import { fileBeside, missingOption, type Settings } from "../config/load.ts";

/** Where a ring is, and where what opens it comes from. */
export interface RingPlace {
  readonly keyring: KeyringOptions;
  /** Where a file lies that `keyring` names. */
  readonly fileOf: (path: string) => string;
  readonly askPassphrase: (() => Promise<string>) | null;
}

/** @throws MasklineError `config_invalid` when the configuration names no ring */
export function ringPlace(settings: Settings): RingPlace {
  const { keyring } = settings.options;
  if (keyring === undefined) throw missingOption(settings, "keyring");
  // an offline command was let through with variables that are not set; here they are needed
  const empty = Object.entries(keyring).find(([name, value]) => value === "" && name !== "passphrase");
  if (empty !== undefined) throw missingOption(settings, `keyring.${empty[0]}`);
  return { keyring, fileOf: (path) => fileBeside(settings, path), askPassphrase: settings.askPassphrase ?? null };
}

/** A file by its name, without a configuration. */
export function filePlace(path: string): RingPlace {
  return { keyring: { from: `file:${path}` }, fileOf: (name) => name, askPassphrase: null };
}

export async function openRingStore({ keyring, fileOf }: RingPlace): Promise<RingStore> {
  return openStore(keyring.from, { fileOf, environment: process.env, ...awsPlace(keyring) });
}

/** Loaded only where a ring is wrapped by it. */
export async function openKeyService({ keyring }: RingPlace): Promise<KeyService> {
  const { awsKms } = await import("../../keys/providers/aws-kms.ts");
  return awsKms(awsPlace(keyring));
}

export function awsPlace({ region, endpoint }: KeyringOptions): {
  readonly region: string | null;
  readonly endpoint: string | null;
} {
  return { region: region ?? null, endpoint: endpoint ?? null };
}

/** @throws MasklineError `keyring_locked` where there is none and nobody to ask */
export async function findPassphrase(place: RingPlace): Promise<string> {
  const passphrase = (await configuredPassphrase(place)) ?? (await place.askPassphrase?.()) ?? "";
  if (passphrase !== "") return passphrase;
  throw new MasklineError("keyring_locked", "the key ring is wrapped by a passphrase, and none was given", {
    next: "set keyring.passphrase (from the environment: MASKLINE_KEYRING_PASSPHRASE) or keyring.passphrase_file",
  });
}

/** Null where the configuration has none. */
export async function configuredPassphrase({ keyring, fileOf }: RingPlace): Promise<string | null> {
  const { passphrase, passphrase_file } = keyring;
  if (passphrase !== undefined && passphrase !== "") return passphrase;
  return passphrase_file === undefined ? null : readPassphraseFile(fileOf(passphrase_file));
}

/** The file's text without the line's end that editors leave. */
export async function readPassphraseFile(path: string): Promise<string> {
  const text = await readPrivateFile({ name: "passphrase file", path, make: "check the path of the passphrase file" });
  return text.replace(/\r?\n$/, "");
}
