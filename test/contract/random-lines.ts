import { columnProblem } from "../../src/contract/check.ts";
import { type Column, columnTypes, type Contract } from "../../src/contract/column.ts";
import type { SampleRandom } from "../../src/demo/sample-random.ts";
import { column, contract } from "./contracts.ts";

const plainNames = ["a", "b", "c", "ip", "user_id", "device_type", "app_version", "at", "x y", "a_rather_long_name_of_a_field"];
/** Names that mean something else somewhere. */
const oddNames = ["a.b", "", "__proto__", "constructor", "0", "é", 'q"', "b\\"];
const versionForms = ["major", "packed", "text", "digits"] as const;
const maskings = ["no", "canonical", "raw"] as const;
const fallbacks = ["7", "x", "true", "1.2", "203.0.113.7", "2024-01-31"];

/** What the texts begin with that tests let pass as they are. */
export const tokenStart = "token:";

/** A contract of one to seven columns. Some of them read the same field, some what is known of the message. */
export function randomContract(random: SampleRandom): Contract {
  const columns: Column[] = [];
  const wanted = 1 + random.below(7);
  while (columns.length < wanted) {
    const from = randomName(random);
    const same = columns.find((other) => other.from === from);
    const found = column(`column_${columns.length}`, {
      from,
      type: same?.type ?? random.pick(columnTypes),
      as: random.pick(versionForms),
      max: random.chance(0.1) ? 1 + random.below(40) : null,
      required: random.chance(0.3),
      masked: random.pick(maskings),
      fallback: random.chance(0.1) ? random.pick(fallbacks) : null,
    });
    if (columnProblem(found) === null) columns.push(found);
  }
  return contract(columns, { maxBodyBytes: random.chance(0.1) ? 60 : 262_144 });
}

function randomName(random: SampleRandom): string {
  if (random.chance(0.03)) return random.pick(["$sent_at", "$message_id", "$attributes.a"]);
  return random.pick(random.chance(0.03) ? oddNames : plainNames);
}

const texts: readonly ((random: SampleRandom) => string)[] = [
  (random) => [random.below(256), random.below(256), random.below(256), random.below(300)].join("."),
  (random) => random.pick(["2001:db8::1", "::", "::1", "1::", "2001:0db8::1", "2001:DB8::1", "::ffff:1.2.3.4", "::ffff:102:304"]),
  (random) => Array.from({ length: random.pick([3, 7, 8, 8, 9]) }, () => randomGroup(random)).join(":"),
  (random) => ipv6(random),
  (random) => ipv6(random).replace(random.pick([":", "0", "1", "::"]), random.pick([":", "::", "00", "", ".", "g", "A"])),
  (random) => Array.from({ length: 1 + random.below(5) }, () => String(random.below(random.pick([10, 3000, 2 ** 32])))).join("."),
  (random) => random.pick(["007", "01.2", "0.0", "000", "1.", ".1", "1..2", " 2.3", "1234567890", "123456789.1"]),
  (random) => uuid(random),
  (random) => otherUuid(random),
  (random) => random.pick(["2024-01-31", "2024-02-30", "2024-01-31T23:59:59Z", "2024-01-31 23:59:59.120+02:00", "0000-01-01"]),
  () => `${tokenStart}a`,
  (random) => random.pick(["ann@example.com", "Ann@EXAMPLE.com", "ann", "a@b"]),
  (random) =>
    random.pick(["-0", "0", "00", "-1", "9007199254740993", "999999999999999", "9223372036854775808", "1e5", "1.50", "+1"]),
  (random) => String(random.below(1_000_000)),
  (random) =>
    random.pick(["", " ", "   ", " a", "a ", "a b", "\u00a0a", "é", "e\u0301", "日本", "😀", "\ud800", "\u007f", "\0", "\t"]),
  (random) => Array.from({ length: random.below(40) }, () => String.fromCharCode(0x20 + random.below(0x60))).join(""),
  (random) => Array.from({ length: random.below(6) }, () => String.fromCharCode(random.below(0x300))).join(""),
];

const numbers = [
  "0",
  "-0",
  "1",
  "-1",
  "7",
  "42",
  "01",
  "1.",
  ".5",
  "+1",
  "1.5",
  "1.50",
  "-0.0",
  "1e3",
  "1E+2",
  "1e",
  "1e-7",
  "1e400",
  "--1",
];
const longNumbers = [
  "999999999999999",
  "9007199254740991",
  "9007199254740992",
  "12345678901234567890",
  "1700000000",
  "1700000000000",
  "NaN",
];

/** A line as a producer could write it, or one that is no JSON at all. Mostly it has the fields of the contract. */
export function randomLine(random: SampleRandom, { columns }: Contract): Buffer {
  const usual = columns.map(({ from }) => from);
  const order = random.chance(0.7) ? usual : usual.toSorted(() => (random.chance(0.5) ? 1 : -1));
  const fields = order.flatMap((name) => {
    if (random.chance(0.03)) return [];
    const extra = random.chance(0.2) ? [random.chance(0.5) ? "extra" : randomName(random)] : [];
    return [name, ...extra];
  });
  const distinct = random.chance(0.9) ? [...new Set(fields)] : fields;
  const space = random.chance(0.2) ? (): string => random.pick(["", "", " ", "\t", "\r", "  "]) : (): string => "";
  const separator = random.pick([":", ":", ": "]);
  const isWild = random.chance(0.2);
  const members = distinct.map((name) => {
    const types = columns.filter(({ from }) => from === name).map(({ type }) => type);
    return `${space()}${randomString(random, name, 0.02)}${space()}${separator}${space()}${randomValue(random, types[0] ?? null, isWild)}${space()}`;
  });
  const text = `${space()}{${members.join(random.pick([",", ",", ", "]))}}${space()}`;
  return Buffer.from(random.chance(0.01) ? `\uFEFF${text}` : text);
}

/** One byte changed, taken away or put in, or the end cut off. */
export function damaged(random: SampleRandom, line: Buffer): Buffer {
  const at = random.below(line.length);
  const byte = Buffer.from([
    random.chance(0.5) ? random.below(256) : random.pick([...Buffer.from('"\\{}[],:0123456789eE+-. tfnu\n')]),
  ]);
  switch (random.below(4)) {
    case 0:
      return Buffer.concat([line.subarray(0, at), byte, line.subarray(at + 1)]);
    case 1:
      return Buffer.concat([line.subarray(0, at), line.subarray(at + 1)]);
    case 2:
      return Buffer.concat([line.subarray(0, at), byte, line.subarray(at)]);
    default:
      return line.subarray(0, at);
  }
}

/** Of the column's type, unless it is a wild one. */
function randomValue(random: SampleRandom, type: Column["type"] | null, isWild: boolean): string {
  if (random.chance(0.05)) return "null";
  if (type === null && random.chance(0.5)) return randomJson(random, 3);
  if (!isWild && type !== null && random.chance(0.95)) return usualValue(random, type);
  if (random.chance(0.1)) return random.pick(["true", "false", "nul", "tru", "True", "undefined", ""]);
  if (random.chance(0.1)) return random.pick(["[]", "{}", '{"a":1}', '[1,"x"]', '{"b":{"a":"x"}}']);
  if (random.chance(0.2)) return random.chance(0.5) ? String(random.below(1e6)) : random.pick([...numbers, ...longNumbers]);
  return randomString(random, random.pick(texts)(random), 0.03);
}

/** Any value, lists and objects too, mostly well formed. */
function randomJson(random: SampleRandom, levels: number): string {
  const kind = random.below(levels === 0 ? 3 : 6);
  if (kind === 0) return random.pick(["null", "true", "false", "0", "-1.5e3", "12", random.chance(0.02) ? "01" : "7"]);
  if (kind < 3) return randomString(random, random.pick(texts)(random), 0.02);
  const space = random.pick(["", "", "", " ", "\t"]);
  const parts = Array.from({ length: random.below(4) }, () => {
    const value = randomJson(random, levels - 1);
    return kind === 5 ? `${space}${value}` : `${space}${randomString(random, randomName(random), 0.02)}${space}:${space}${value}`;
  });
  const inside = parts.join(random.chance(0.01) ? random.pick(["", ",,", ":"]) : `${space},`) + space;
  return kind === 5 ? `[${inside}]` : `{${inside}}`;
}

function usualValue(random: SampleRandom, type: Column["type"]): string {
  if (random.chance(0.02)) return `"${tokenStart}b"`;
  if (type === "json") return randomJson(random, 3);
  if (type === "boolean") return random.pick(["true", "false"]);
  const isNumber = type === "integer" || type === "number" || type === "timestamp";
  if (isNumber && random.chance(0.5)) return random.pick(["0", "-0", "-7", "1700000000", String(random.below(1e6))]);
  return randomString(random, (usualTexts[type] ?? randomText)(random), 0.03);
}

const usualTexts: Readonly<Partial<Record<Column["type"], (random: SampleRandom) => string>>> = {
  integer: (random) => String(random.below(1e6)),
  number: (random) => random.pick(["1.5", "-0.25", "12.50", "3"]),
  ip: (random) => (random.chance(0.3) ? ipv6(random) : [0, 0, 0, 0].map(() => random.below(256)).join(".")),
  version: (random) => Array.from({ length: 1 + random.below(3) }, () => String(random.below(random.pick([10, 900])))).join("."),
  uuid: (random) => (random.chance(0.2) ? otherUuid(random) : uuid(random)),
  email: () => "ann@example.com",
  date: (random) => random.pick(["2024-01-31", "2024-01-31T23:59:59Z"]),
  timestamp: (random) => random.pick(["2024-01-31T23:59:59Z", "2024-01-31 23:59:59.120+02:00"]),
};

/** Any that is well formed, in the form that groups alone make, or with `::` for some of them. */
function ipv6(random: SampleRandom): string {
  if (random.chance(0.1)) return `::ffff:${random.pick(["0", "cb00"])}:${randomGroup(random)}`;
  const all = Array.from({ length: 8 }, () => randomGroup(random));
  const start = random.below(9);
  const end = start + random.below(9 - start);
  if (start === end) return all.join(":");
  return `${all.slice(0, start).join(":")}::${all.slice(end).join(":")}`;
}

function otherUuid(random: SampleRandom): string {
  const usual = uuid(random);
  return random.pick([usual.toUpperCase(), `{${usual}}`, usual.replaceAll("-", ""), ` ${usual}`]);
}

function randomText(random: SampleRandom): string {
  return Array.from({ length: 1 + random.below(12) }, () => String.fromCharCode(0x20 + random.below(0x5f))).join("");
}

/** A text as JSON, its characters now and then escaped, or left as they are though they may not. */
function randomString(random: SampleRandom, text: string, odd: number): string {
  if (!random.chance(odd * 4)) return JSON.stringify(text);
  const written = Array.from({ length: text.length }, (_, index) => {
    if (random.chance(0.5)) return JSON.stringify(text[index]).slice(1, -1);
    return random.chance(odd) ? text[index] : `\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}`;
  });
  return `"${written.join("")}"`;
}

function randomGroup(random: SampleRandom): string {
  return random.chance(0.4) ? "0" : random.below(random.pick([16, 0x10000])).toString(16);
}

function uuid(random: SampleRandom): string {
  const hex = Array.from({ length: 4 }, () => random.word().toString(16).padStart(8, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
