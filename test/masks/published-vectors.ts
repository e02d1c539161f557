import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/**
 * Published test vectors (RFC 5297, Wycheproof, Tink). They are large and have owners of their own, so they stand beside the
 * repository and not in it.
 */
const folder = path.resolve(import.meta.dirname, "../../../shared/vectors");

/** For a test's `skip`: false, or the reason why its vectors cannot be run. */
export function vectorsAbsent(file: string): string | false {
  return existsSync(path.join(folder, file)) ? false : `published vectors are not at ${path.join(folder, file)}`;
}

export function readVectors(file: string): unknown {
  return JSON.parse(readFileSync(path.join(folder, file), "utf8"));
}
