import { defaultConfigFile, loadSettings, type Settings, type UnsetAllowed } from "../app/config/load.ts";
import type { Call } from "./command.ts";
import { askPassphrase, canAsk } from "./passphrase.ts";

/** The configuration a command works with: --config, the environment, --set. `unset` as in LoadOptions. */
export function settingsOf(call: Call, { unset = "nowhere" }: { readonly unset?: UnsetAllowed } = {}): Settings {
  const file = call.text("config") ?? defaultConfigFile;
  const settings = loadSettings({ file, environment: call.environment, overrides: call.texts("set"), unset });
  if (!canAsk()) return settings;
  // once: a process that opens its ring again should not stand still at a question
  let answer: Promise<string> | null = null;
  return { ...settings, askPassphrase: () => (answer ??= askPassphrase()) };
}
