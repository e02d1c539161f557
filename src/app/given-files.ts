import { MasklineError } from "../errors.ts";
import type { Database } from "../postgres/database.ts";
import { findFiles, findStreams, type GivenFile, type KnownFile, noteFiles } from "../postgres/files.ts";
import { blocksOf, hasGrown, type InputFile, inspectFile } from "../sources/files/input-file.ts";
import type { BlockStanding } from "../sources/files/positions.ts";
import { type FileWork, isDone } from "../sources/files/work.ts";

/** Where files are written down. */
export interface FileBook {
  readonly database: Database;
  readonly schema: string;
  readonly pipeline: number;
}

/** Files to be loaded, each contents once, and what was loaded of them before. */
export interface GivenFiles {
  readonly work: readonly FileWork[];
  /** As they lie there. */
  readonly bytes: number;
  /** Of these, so many are loaded already. */
  readonly loadedBytes: number;
  /** Files all of which is loaded already, and copies of others of the list. */
  readonly skipped: number;
}

/** Looks at every file before any is read. @throws MasklineError `file_unreadable` for the first that cannot be loaded */
export async function inspectFiles(paths: readonly string[], blockBytes?: number): Promise<readonly InputFile[]> {
  const files: InputFile[] = [];
  for (const path of paths) files.push(await inspectFile(path, blockBytes));
  return files;
}

/** @throws MasklineError `file_changed` for names under which other contents were loaded, unless that is meant */
export async function compareFiles(files: readonly InputFile[], known: readonly KnownFile[], changed: boolean): Promise<void> {
  if (changed) return;
  const details: string[] = [];
  let grown: { readonly name: string; readonly bytes: number } | null = null;
  for (const file of files) {
    const before = known.filter(({ name, fingerprint }) => name === file.name && fingerprint !== file.fingerprint);
    const last = before.at(-1);
    if (last === undefined || known.some(({ fingerprint }) => fingerprint === file.fingerprint)) continue;
    const longer = file.kind === "plain" ? await findGrown(file, before) : null;
    grown ??= longer;
    details.push(
      longer === null
        ? `${file.name}: other contents were loaded under this name, last on ${last.lastAt.toISOString().slice(0, 10)}`
        : `${file.name}: has grown; its first ${longer.bytes} bytes were loaded before`,
    );
  }
  if (details.length === 0) return;
  throw new MasklineError(
    "file_changed",
    `${details.length} of the files ${details.length === 1 ? "is" : "are"} not what was loaded before`,
    {
      details,
      next: grown === null ? otherContents : splitting(grown),
    },
  );
}

const otherContents =
  "--changed if they are other files of the same name: every line of them is loaded then, also what was loaded before";

/** The first part has the fingerprint of what was loaded; so each line is loaded once. */
function splitting({ name, bytes }: { readonly name: string; readonly bytes: number }): string {
  return `head -c ${bytes} ${name} > ${name}.old; tail -c +${bytes + 1} ${name} > ${name}.new; then backfill these two: no line is loaded twice`;
}

async function findGrown(file: InputFile, before: readonly KnownFile[]): Promise<KnownFile | null> {
  for (const known of before.toReversed()) if (await hasGrown(file, known)) return known;
  return null;
}

/** Compares, writes the files down, and reads how far each is loaded. */
export async function openFiles(book: FileBook, files: readonly InputFile[], changed: boolean): Promise<GivenFiles> {
  const { database, schema, pipeline } = book;
  const known = await findFiles(database, schema, pipeline, files);
  await compareFiles(files, known, changed);
  const given = files.map((file): GivenFile & InputFile => {
    // positions are counted in the blocks of the first load
    const blockBytes = known.find(({ fingerprint }) => fingerprint === file.fingerprint)?.blockBytes ?? file.blockBytes;
    const measured = { ...file, blockBytes };
    return { ...measured, blocks: blocksOf(measured) };
  });
  if (given.length > 0)
    await noteFiles(
      database,
      schema,
      pipeline,
      distinctBy(given, ({ fingerprint, name }) => `${fingerprint}/${name}`),
    );
  return readGiven(book, given, known);
}

/** How far files are loaded; of those with the same contents one. */
export async function readGiven(
  { database, schema, pipeline }: FileBook,
  given: readonly InputFile[],
  known: readonly KnownFile[],
): Promise<GivenFiles> {
  const once = distinctBy(given, ({ fingerprint }) => fingerprint);
  const prefixes = once.map(({ fingerprint }) => `${fingerprint}/`);
  const standings = new Map<string, Map<number, BlockStanding>>();
  for (const { stream, next, silentMs } of await findStreams(database, schema, pipeline, prefixes)) {
    const [fingerprint = "", number] = stream.split("/");
    const ofFile = standings.get(fingerprint) ?? new Map<number, BlockStanding>();
    standings.set(fingerprint, ofFile.set(Number(number), { next, silentMs }));
  }
  const work = once.map((file): FileWork => ({ file, known: standings.get(file.fingerprint) ?? new Map() }));
  const blocks = new Map(known.map(({ fingerprint, blocks: count }) => [fingerprint, count]));
  const loaded = work.map(({ file, known: begun }) =>
    loadedShare(file, begun, blocksOf(file) ?? blocks.get(file.fingerprint) ?? null),
  );
  return {
    work: work.filter((_, index) => loaded[index] !== 1),
    bytes: once.reduce((sum, { bytes }) => sum + bytes, 0),
    loadedBytes: once.reduce((sum, { bytes }, index) => sum + bytes * (loaded[index] as number), 0),
    skipped: loaded.filter((share) => share === 1).length + given.length - once.length,
  };
}

/** 1 only when every block is loaded. */
function loadedShare(file: InputFile, begun: ReadonlyMap<number, BlockStanding>, blocks: number | null): number {
  if (blocks === 0) return 1;
  if (blocks === null) return 0;
  const standings = [...begun.values()];
  if (standings.filter((standing) => isDone(file, standing)).length === blocks) return 1;
  const share = standings.reduce((sum, { next }) => sum + Math.min(1, next / file.blockBytes), 0) / blocks;
  return Math.min(share, 0.999_999);
}

function distinctBy<T>(all: readonly T[], key: (one: T) => string): readonly T[] {
  return [...new Map(all.map((one) => [key(one), one])).values()];
}
