import { defaultConfigFile, loadSettings, type Settings } from "../app/config/load.ts";
import type { Call } from "./command.ts";
import { askPassphrase, canAsk } from "./passphrase.ts";

/** The configuration a command works with: --config, the environment, --set. `offline` for what needs neither queue nor database. */
export function settingsOf(call: Call, { offline = false }: { readonly offline?: boolean } = {}): Settings {
  const file = call.text("config") ?? defaultConfigFile;
  const settings = loadSettings({ file, environment: call.environment, overrides: call.texts("set"), offline });
  if (!canAsk()) return settings;
  // once: a process that opens its ring again should not stand still at a question
  let answer: Promise<string> | null = null;
  return { ...settings, askPassphrase: () => (answer ??= askPassphrase()) };
}
