import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { loadSettings, type Settings, type UnsetAllowed } from "../../src/app/config/load.ts";
import { MasklineError } from "../../src/errors.ts";

export interface Around {
  readonly environment?: Readonly<Record<string, string>>;
  readonly overrides?: readonly string[];
  readonly unset?: UnsetAllowed;
}

/** One column, for configurations whose columns do not matter. */
export const oneColumn = "columns: { user_id: { type: text } }\n";

/** Loads a configuration from its text. Throws what the product throws. */
export function load(text: string, { environment = {}, overrides = [], unset = "nowhere" }: Around = {}): Settings {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-configuration-"));
  try {
    const file = path.join(folder, "maskline.yaml");
    writeFileSync(file, text);
    return loadSettings({ file, environment, overrides, unset });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** All that is wrong with a configuration, line by line, without the folder it was in; [] when nothing is. */
export function faultsOf(text: string, around: Around = {}): readonly string[] {
  try {
    load(text, around);
    return [];
  } catch (error) {
    if (!(error instanceof MasklineError) || error.code !== "config_invalid") throw error;
    return error.details.map((line) => line.replace(/^\/\S*\/(?=maskline\.yaml:)/, ""));
  }
}

/** The faults of one column, without where they stand. */
export function columnFaults(column: string, around: Around = {}): readonly string[] {
  return faultsOf(`columns: { c: ${column} }\n`, around).map((line) => line.replace(/^maskline\.yaml:1 {2}columns\.c/, ""));
}
