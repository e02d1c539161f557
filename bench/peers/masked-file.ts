import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";

import { parseTableName, quoteTable } from "../../src/postgres/names.ts";
import { columns } from "./consumer-row.ts";
import { productConfiguration } from "./product.ts";
import { runPsql } from "./psql.ts";
import type { Task } from "./task.ts";

export type CopyFormat = "text" | "binary";

export interface MaskedFilesRequest extends Omit<Task, "queueUrl" | "pollers"> {
  readonly psql: string;
  /** NDJSON, one event a line. */
  readonly events: string;
  /** create_date of every row, as YYYY-MM-DD: a line has no sent time. */
  readonly date: string;
}

/**
 * Makes the files that psql loads: the events of an NDJSON file, checked and masked by `maskline mask` under the same ring, so that the
 * rows equal maskline's own. Beside the events, as `.text` and `.binary`. Not a part of what is timed.
 */
export async function makeMaskedFiles(request: MaskedFilesRequest): Promise<Readonly<Record<CopyFormat, string>>> {
  const files = { text: `${request.events}.text`, binary: `${request.events}.binary` };
  await writeText(request, files.text);
  const table = parseTableName(request.table);
  if (table === null) throw new TypeError("the table has no name");
  await runPsql(request.psql, request.databaseUrl, [
    `CREATE TEMPORARY TABLE masked (LIKE ${quoteTable(table)})`,
    `\\copy masked from '${files.text}'`,
    `\\copy masked to '${files.binary}' with (format binary)`,
  ]);
  return files;
}

async function writeText(request: MaskedFilesRequest, file: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-peer-"));
  try {
    const configuration = path.join(folder, "maskline.yaml");
    await writeFile(configuration, productConfiguration({ ...request, queueUrl: "http://127.0.0.1/0/none" }), { mode: 0o600 });
    const main = path.join(import.meta.dirname, "../../src/cli/main.ts");
    const mask = spawn(process.execPath, [main, "mask", "--config", configuration], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(mask, "close") as Promise<[number | null]>;
    await Promise.all([
      pipeline(createReadStream(request.events), mask.stdin),
      pipeline(copyLines(mask.stdout, request.date), createWriteStream(file)),
    ]);
    const [code] = await ended;
    if (code !== 0) throw new Error(`maskline mask ended with ${code}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function* copyLines(rows: NonNullable<ChildProcess["stdout"]>, date: string): AsyncGenerator<string> {
  for await (const line of createInterface({ input: rows })) {
    const row = { ...(JSON.parse(line) as Readonly<Record<string, string | number | null>>), create_date: date };
    yield `${columns.map((name) => copyText(row[name as keyof typeof row])).join("\t")}\n`;
  }
}

const escapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r" };

/** A value as COPY's text format has it. */
function copyText(value: string | number | null | undefined): string {
  return value === null || value === undefined ? "\\N" : `${value}`.replace(/[\\\t\n\r]/g, (character) => escapes[character] ?? "");
}
