import { defaultConfigFile, loadSettings, type Settings } from "../app/config/load.ts";
import type { Call } from "./command.ts";

/** The configuration a command works with: --config, the environment, --set. */
export function settingsOf(call: Call): Settings {
  return loadSettings({
    file: call.text("config") ?? defaultConfigFile,
    environment: call.environment,
    overrides: call.texts("set"),
  });
}
