import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const folder = path.resolve(import.meta.dirname, "../../../shared/dataset");

/** Why the tests on the real messages are skipped here; false where the messages are. They are not part of this repository. */
export const datasetMissing: string | false = existsSync(folder) ? false : "the real messages (../shared/dataset) are not here";

export function datasetFile(name: string): string {
  return readFileSync(path.join(folder, name), "utf8");
}

/** The 100 bodies, as they were sent. */
export function realMessages(): string[] {
  return datasetFile("login_events.ndjson")
    .split("\n")
    .filter((line) => line !== "");
}
