import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

import { plainBacklog } from "../load-queue/backlog.ts";
import { makeBodyPool, type PooledBody } from "../load-queue/bodies.ts";

/** A file of login events, one a line: a pool of bodies, over and over. */
export interface EventFile {
  readonly file: string;
  readonly lines: number;
  readonly bytes: number;
  readonly pool: readonly PooledBody[];
  /** One pass over the pool. */
  readonly passFile: string;
  readonly passes: number;
}

const poolLines = 65_536;

/** @param lines about so many: whole passes over the pool */
export async function writeEventFile(folder: string, lines: number): Promise<EventFile> {
  const pool = makeBodyPool("login", plainBacklog.seed, Math.min(lines, poolLines)).row;
  const passes = Math.max(1, Math.round(lines / pool.length));
  const pass = `${pool.map(({ body }) => body).join("\n")}\n`;
  const [file, passFile] = [path.join(folder, "events.ndjson"), path.join(folder, "pass.ndjson")];
  await writeFile(passFile, pass);
  await writeRepeated(file, [], Buffer.from(pass), passes, []);
  return { file, lines: passes * pool.length, bytes: Buffer.byteLength(pass) * passes, pool, passFile, passes };
}

/** The masked rows of one pass, as often: COPY's text format is lines. */
export async function repeatText(passFile: string, file: string, passes: number): Promise<void> {
  await writeRepeated(file, [], await readFile(passFile), passes, []);
}

/** COPY's binary format: a header (11 bytes of signature, flags, a length and so much more), rows, and -1 as a trailer. */
export async function repeatBinary(passFile: string, file: string, passes: number): Promise<void> {
  const pass = await readFile(passFile);
  const headerLength = 19 + pass.readUInt32BE(15);
  const rows = pass.subarray(headerLength, -2);
  await writeRepeated(file, [pass.subarray(0, headerLength)], rows, passes, [pass.subarray(-2)]);
}

async function writeRepeated(
  file: string,
  before: readonly Buffer[],
  rows: Buffer,
  passes: number,
  after: readonly Buffer[],
): Promise<void> {
  const all = function* (): Generator<Buffer> {
    yield* before;
    for (let pass = 0; pass < passes; pass += 1) yield rows;
    yield* after;
  };
  await pipeline(Readable.from(all()), createWriteStream(file));
}
