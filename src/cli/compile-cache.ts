import { statSync } from "node:fs";
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import path from "node:path";

/**
 * Has the runtime keep what it compiles, and in a checkout what it strips of types, for the next start: to the first receive of a run
 * that then takes 390 ms of CPU in place of 610, where it is installed 300 in place of 320. In the user's cache folder where there is
 * one, and nowhere else: what is read from there is run, so it must be in nobody else's hands. NODE_COMPILE_CACHE names another folder,
 * NODE_DISABLE_COMPILE_CACHE=1 keeps nothing.
 */
export function keepCompiled(environment: NodeJS.ProcessEnv): void {
  const folder = cacheFolder(environment);
  // never fails: without a cache everything is compiled anew
  if (!environment["NODE_COMPILE_CACHE"] && folder !== null) enableCompileCache(folder);
}

/** Null where the user has no cache folder, or others may write there (sudo keeps the home of who calls it). */
export function cacheFolder(environment: NodeJS.ProcessEnv): string | null {
  const base = userCache(environment);
  const folder = path.join(base, "maskline");
  return isOurs(base) === true && isOurs(folder) !== false ? folder : null;
}

function userCache(environment: NodeJS.ProcessEnv): string {
  const named = environment["XDG_CACHE_HOME"] ?? "";
  if (path.isAbsolute(named)) return named;
  if (process.platform === "win32") return environment["LOCALAPPDATA"] ?? "";
  return path.join(homedir(), process.platform === "darwin" ? "Library/Caches" : ".cache");
}

/** Null where there is nothing. */
function isOurs(folder: string): boolean | null {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return null;
  // where files have no owners, the folder is in the user's own profile
  if (process.getuid === undefined) return found.isDirectory();
  const othersMayWrite = 0o022;
  return found.isDirectory() && found.uid === process.getuid() && (found.mode & othersMayWrite) === 0;
}
