import { type Login, loginGenerator } from "../../src/demo/sample-login.ts";
import { type SampleRandom, sampleRandom } from "../../src/demo/sample-random.ts";

/** `login`: about 165 bytes, 7 columns of a row. `columns40`: 33 fields more, all of them columns. The others are logins with much else in them. */
export const bodyKinds = ["login", "2kb", "20kb", "columns40"] as const;
export type BodyKind = (typeof bodyKinds)[number];

/** What becomes of a message: a row; refused by the contract; or by a CHECK of the table (`knownDevices`). */
export type Fate = "row" | "broken" | "refused";

/** What the CHECK of the benchmark's table lets in. */
export const knownDevices = ["ios", "android"] as const;
const unknownDevice = "toaster";

/** A body that was made before, and the login in it. */
export interface PooledBody {
  readonly login: Login;
  readonly body: string;
}

/** All bodies of a backlog: message n has the body at n modulo the length. */
export type BodyPool = Readonly<Record<Fate, readonly PooledBody[]>>;

const poolBytes = 16 * 1_048_576;
const mostBodies = 65_536;
/** Bodies of the refused: fewer, as they are few. */
const mostRefused = 1_024;
const approximateBytes: Readonly<Record<BodyKind, number>> = { login: 165, "2kb": 2_048, "20kb": 20_480, columns40: 1_300 };

/** @param messages so many bodies are enough. The same arguments give the same pool, in any process; each body has a user of its own */
export function makeBodyPool(kind: BodyKind, seed: number, messages: number): BodyPool {
  const random = sampleRandom(seed);
  const nextLogin = loginGenerator(random);
  const count = Math.max(1, Math.min(messages, mostBodies, Math.floor(poolBytes / approximateBytes[kind])));
  const make = (bodies: number, change: Partial<Login>): readonly PooledBody[] =>
    Array.from({ length: bodies }, () => {
      const login: Login = { ...nextLogin(), ...change };
      return { login, body: pythonJson({ ...login, ...beside[kind](random) }) };
    });
  const few = Math.min(mostRefused, count);
  return { row: make(count, {}), broken: make(few, { ip: "unknown" }), refused: make(few, { device_type: unknownDevice }) };
}

/** The columns that `columns40` has beside those of a login, with their types in a contract and in PostgreSQL. */
export const furtherColumns: readonly { readonly name: string; readonly type: string; readonly sqlType: string }[] = Array.from(
  { length: 33 },
  (_, place) => {
    const number = String(place + 1).padStart(2, "0");
    return [
      { name: `text_${number}`, type: "text", sqlType: "varchar(64)" },
      { name: `count_${number}`, type: "integer", sqlType: "integer" },
      { name: `flag_${number}`, type: "boolean", sqlType: "boolean" },
      { name: `time_${number}`, type: "timestamp", sqlType: "timestamptz" },
      { name: `amount_${number}`, type: "number", sqlType: "numeric" },
    ][place % 5] as { name: string; type: string; sqlType: string };
  },
);

const furtherValues: Readonly<Record<string, (random: SampleRandom) => string | number | boolean>> = {
  text: (random) => word(random, 16),
  integer: (random) => random.below(1_000_000),
  boolean: (random) => random.chance(0.5),
  timestamp: (random) => new Date(1_790_000_000_000 + random.below(1_000_000_000)).toISOString(),
  number: (random) => random.below(10_000_000) / 100,
};

/** What an event has beside its login. */
const beside: Readonly<Record<BodyKind, (random: SampleRandom) => Readonly<Record<string, unknown>>>> = {
  login: () => ({}),
  "2kb": (random) => ({ context: manyFields(random, 1_850) }),
  "20kb": (random) => ({ context: manyFields(random, 20_250) }),
  columns40: (random) => Object.fromEntries(furtherColumns.map(({ name, type }) => [name, furtherValues[type]?.(random) ?? null])),
};

/** Nested objects of texts and numbers, as wide events have them, of about so many bytes. */
function manyFields(random: SampleRandom, bytes: number): Readonly<Record<string, unknown>> {
  const groups: Record<string, unknown> = {};
  for (let written = 0, group = 1; written < bytes; group += 1) {
    const fields = {
      name: word(random, 24),
      at: 1_790_000_000 + random.below(1_000_000),
      label: word(random, 40),
      seen: random.chance(0.5),
    };
    groups[`part_${group}`] = fields;
    written += pythonJson({ [`part_${group}`]: fields }).length;
  }
  return groups;
}

const letters = "abcdefghijklmnopqrstuvwxyz0123456789";

function word(random: SampleRandom, length: number): string {
  let text = "";
  while (text.length < length) text += letters[random.below(letters.length)];
  return text;
}

/** JSON with the separators of Python's json.dumps, which writes the real events. */
function pythonJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, one]) => `${JSON.stringify(name)}: ${pythonJson(one)}`)
    .join(", ")}}`;
}
