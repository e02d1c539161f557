import assert from "node:assert/strict";

import { compileContract } from "../src/contract/check.ts";
import type { Column, Contract } from "../src/contract/column.ts";
import type { ContractReader, ReadRows } from "../src/contract/contract-reader.ts";
import type { Incoming, Line } from "../src/contract/incoming.ts";
import { TextColumn } from "../src/contract/text-column.ts";
import { loginGenerator } from "../src/demo/sample-login.ts";
import { sampleRandom } from "../src/demo/sample-random.ts";
import type { Entry, EntryPlan } from "./entry.ts";

const lineCount = 20_000;
const batchRows = 1_000;

/** The columns of the demo. */
const contract: Contract = {
  columns: [
    column("user_id", { max: 128, required: true }),
    column("device_type", { max: 32, required: true }),
    column("masked_ip", { from: "ip", type: "ip", required: true, masked: "canonical" }),
    column("masked_device_id", { from: "device_id", max: 40, required: true, masked: "canonical" }),
    column("locale", { max: 32 }),
    column("app_version", { type: "version", required: true }),
    column("create_date", { from: "$sent_at", type: "date" }),
  ],
  decode: [],
  maxBodyBytes: 1_048_576,
};

function column(name: string, parts: Partial<Column>): Column {
  return { name, from: name, type: "text", as: "major", max: null, required: false, fallback: null, masked: "no", ...parts };
}

/** A line as its source hands it over: its text is made when it is asked for. */
class TextLine implements Incoming {
  readonly id = "";
  readonly sentAtMs = 1_706_745_599_999;
  readonly receivedAtMs = 0;
  readonly groupId = null;
  readonly attributes: Readonly<Record<string, string>> = {};
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
  }

  get body(): string {
    return this.bytes.toString("utf8", this.start, this.end);
  }
}

class ByteLine extends TextLine {
  get line(): Line {
    return this;
  }
}

type Login = Readonly<Record<string, unknown>>;

function linesOf(write: (login: Login, index: number) => string): Buffer {
  const next = loginGenerator(sampleRandom(1));
  return Buffer.from(Array.from({ length: lineCount }, (_, index) => `${write({ ...next() }, index)}\n`).join(""));
}

function linesIn<Each>(bytes: Buffer, make: new (bytes: Buffer, start: number, end: number) => Each): readonly Each[] {
  const lines: Each[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0x0a, start);
    lines.push(new make(bytes, start, end));
    start = end + 1;
  }
  return lines;
}

/** Reads all lines, in batches, into columns that are used again. */
function readAll(reader: ContractReader, lines: readonly Incoming[], columns: readonly TextColumn[]): number {
  for (let start = 0; start < lines.length; start += batchRows) {
    for (const each of columns) each.clear();
    const rows: ReadRows = { columns, ids: [] };
    const end = Math.min(lines.length, start + batchRows);
    for (let index = start; index < end; index += 1) reader.append(lines[index] as Incoming, rows);
  }
  return lines.length;
}

const newColumns = (): readonly TextColumn[] => contract.columns.map(() => new TextColumn(batchRows, batchRows * 50));

function textsOf(lines: readonly Incoming[]): readonly unknown[] {
  const columns = newColumns();
  const rows: ReadRows = { columns, ids: [] };
  const reader = compileContract(contract);
  for (const line of lines) assert.equal(reader.append(line, rows), null);
  return columns.map((each) => each.texts());
}

/** Against the same lines through their texts and JSON.parse, by the same contract. */
function againstTheCheck(bytes: Buffer, target: number | null): Omit<Entry, "name"> {
  const [byteLines, textLines] = [linesIn(bytes, ByteLine), linesIn(bytes, TextLine)];
  const [reader, textReader] = [compileContract(contract), compileContract(contract)];
  const [columns, textColumns] = [newColumns(), newColumns()];
  return {
    unit: "value",
    pass: () => readAll(reader, byteLines, columns),
    baseline: { name: "JSON.parse + check", pass: () => readAll(textReader, textLines, textColumns) },
    prove: () => assert.deepEqual(textsOf(byteLines), textsOf(textLines)),
    target,
  };
}

/** Against JSON.parse alone, of texts that somebody has made already. */
function againstParsing(bytes: Buffer, target: number): Omit<Entry, "name"> {
  const texts = linesIn(bytes, TextLine).map(({ body }) => body);
  const parse = (): number => {
    let members = 0;
    for (const text of texts) members += typeof (JSON.parse(text) as Login)["ip"] === "string" ? 1 : 0;
    return members;
  };
  return { ...againstTheCheck(bytes, target), baseline: { name: "JSON.parse alone", pass: parse } };
}

const plainLines = (): Buffer => linesOf((login) => JSON.stringify(login));

/** Fields that nothing reads. */
const more: Login = Object.fromEntries(
  Array.from({ length: 30 }, (_, index) => [`property_${index}`, index % 3 === 0 ? index * 17 : `value of ${index}`]),
);

export const linePlans: readonly EntryPlan[] = [
  { name: "logins", make: () => againstTheCheck(plainLines(), 2.5) },
  { name: "logins, against parsing alone", make: () => againstParsing(plainLines(), 0.9) },
  {
    name: "logins with spaces, as Python writes them",
    make: () =>
      againstTheCheck(
        linesOf((login) =>
          JSON.stringify(login, null, 1)
            .replaceAll(/\n\s*/g, " ")
            .replaceAll(/([{]) | ([}])/g, "$1$2"),
        ),
        null,
      ),
  },
  {
    name: "logins among 30 other fields",
    make: () =>
      againstTheCheck(
        linesOf((login) => JSON.stringify({ ...more, ...login })),
        null,
      ),
  },
  {
    name: "logins, every tenth with a text that is not plain",
    make: () =>
      againstTheCheck(
        linesOf((login, index) => JSON.stringify(index % 10 === 0 ? { ...login, locale: 'Zoë "' } : login)),
        null,
      ),
  },
  {
    name: "logins, two fields there now and then",
    make: () =>
      againstTheCheck(
        linesOf((login, index) =>
          JSON.stringify({
            ...login,
            ...(index % 3 === 0 ? { locale: undefined } : {}),
            ...(index % 2 === 0 ? { at: index } : {}),
          }),
        ),
        null,
      ),
  },
  {
    name: "logins with something nested",
    make: () =>
      againstTheCheck(
        linesOf((login) => JSON.stringify({ ...login, device: { os: 1, tags: ["a", "b"] } })),
        null,
      ),
  },
  {
    name: "logins with a field twice: all the general way",
    make: () =>
      againstTheCheck(
        linesOf((login) => JSON.stringify(login).replace("}", ',"ip":"203.0.113.7"}')),
        null,
      ),
  },
];
