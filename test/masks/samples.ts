import * as fc from "fast-check";

import type { ColumnType } from "../../src/contract/column.ts";
import { formatIp } from "../../src/contract/ip.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { type Mask, type MaskDefinition, maskFacts, type MaskKind, type TokenForm } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";

/** One way to define a mask of a kind, and values it takes. */
export interface Sample {
  readonly name: string;
  readonly definition: MaskDefinition;
  /** What a column of its tokens is to a database. */
  readonly form: TokenForm;
  /** Canonical values, all different; the first is long enough not to turn up in a token by chance. */
  readonly values: readonly [string, ...string[]];
  /** Any canonical values. */
  readonly any: fc.Arbitrary<string>;
}

const twoDigits = (number: number): string => String(number).padStart(2, "0");
const days = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, day]) => `${String(year).padStart(4, "0")}-${twoDigits(month)}-${twoDigits(day)}`);
const seconds = fc.nat({ max: 86_399 }).map((second) => new Date(second * 1000).toISOString().slice(11, 19));
const fractions = fc.constantFrom("", ".5", ".000001", ".999999");

/** Canonical values of the types that masks take, with their borders. */
export const canonicalValues: Readonly<Record<Exclude<ColumnType, "boolean" | "json" | "version">, fc.Arbitrary<string>>> = {
  text: fc.string({ unit: "binary", maxLength: 70 }).map((text) => text.replaceAll("\0", "").trim().normalize("NFC")),
  integer: fc
    .oneof(fc.bigInt({ min: -(2n ** 63n) + 2n ** 53n, max: 2n ** 63n - 1n }), fc.bigInt({ min: -2000n, max: 2000n }))
    .map(String),
  number: fc
    .tuple(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.constantFrom("", ".5", ".000000001", ".999999999999999999999"))
    .map(([whole, fraction]) => `${whole}${fraction}`),
  uuid: fc.uuid(),
  ip: fc.oneof(fc.ipV4(), fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatIp)),
  email: fc
    .tuple(fc.stringMatching(/^[a-zA-Z0-9+é日]{1,20}$/), fc.stringMatching(/^[a-z0-9]{1,63}$/), fc.constantFrom("org", "xn--p1ai"))
    .map(([local, domain, top]) => `${local}@${domain}.${top}`),
  date: days,
  timestamp: fc.tuple(days, seconds, fractions).map(([day, second, fraction]) => `${day}T${second}${fraction}Z`),
};

const typical: Readonly<Record<keyof typeof canonicalValues, readonly [string, ...string[]]>> = {
  text: ["593-47-5928", "", "a", "ab", "日本語のテキスト", "ä".repeat(30), "😀".repeat(30), "0123456789abcdef"],
  integer: ["9007199254740993", "0", "-1", "7", "-7", "9223372036854775807", "-9000000000000000000"],
  number: ["12345678901234567890.123456789", "0", "0.5", "-0.5", "-1", "1000"],
  uuid: ["0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
  ip: ["203.0.113.77", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  email: ["ann.lee@example.com", "a@b.org", `${"x".repeat(64)}@${"y".repeat(60)}.xn--p1ai`, "José@xn--mnchen-3ya.de"],
  date: ["2024-01-31", "0001-01-01", "9999-12-31"],
  timestamp: ["2024-01-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"],
};

function sample(parts: Pick<MaskDefinition, "kind"> & Partial<MaskDefinition>, form: TokenForm, own: Partial<Sample> = {}): Sample {
  const definition = maskDefinition({ ...parts, domain: maskFacts[parts.kind].keyed ? "sample.domain" : null });
  const { kind, type, encode, settings } = definition;
  const known = type === "boolean" || type === "json" || type === "version" ? "text" : type;
  const options = Object.entries(settings).map(([name, value]) => ` ${name} ${value}`);
  const name = `${kind} of ${type}${encode === "text" ? "" : `, ${encode}`}${options.join("")}`;
  return { name, definition, form, values: typical[known], any: canonicalValues[known], ...own };
}

/** The kinds whose input is encoded, over types and encodings. */
function encoded(kind: "siv" | "hmac" | "cmac" | "vault"): readonly Sample[] {
  return [
    ...(Object.keys(canonicalValues) as (keyof typeof canonicalValues)[]).map((type) => sample({ kind, type }, "token")),
    ...(["ip", "uuid"] as const).map((type) => sample({ kind, type, encode: "packed" }, "token")),
    ...(["text", "ip", "uuid", "email"] as const).map((type) => sample({ kind, type, encode: "pad16" }, "token")),
  ];
}

const digits: Partial<Sample> = { values: ["593475928", "000000000", "999999999"], any: fc.stringMatching(/^[0-9]{6,20}$/) };
const social: Partial<Sample> = {
  values: ["593-47-5928", "000-00-0000", "999-99-9999"],
  any: fc.stringMatching(/^[0-9]{3}-[0-9]{2}-[0-9]{4}$/),
};

/** Every kind there is: a kind that is added without samples does not compile. */
export const samples: Readonly<Record<MaskKind, readonly [Sample, ...Sample[]]>> = {
  siv: encoded("siv") as [Sample],
  hmac: encoded("hmac") as [Sample],
  cmac: encoded("cmac") as [Sample],
  vault: encoded("vault") as [Sample],
  ipcrypt: [sample({ kind: "ipcrypt", type: "ip" }, "ip")],
  "ipcrypt-pfx": [sample({ kind: "ipcrypt-pfx", type: "ip" }, "ip")],
  ff1: [
    sample({ kind: "ff1" }, "token", digits),
    sample({ kind: "ff1", settings: { alphabet: "digits", template: "###-##-####" } }, "token", social),
  ],
  partial: [
    sample({ kind: "partial", settings: { last: 4 } }, "token"),
    sample({ kind: "partial", settings: { first: 1 } }, "token"),
    sample({ kind: "partial", settings: { first: 2, last: 3 } }, "token"),
    sample({ kind: "partial", type: "ip" }, "ip"),
    sample({ kind: "partial", type: "ip", settings: { ipv4_prefix: 31, ipv6_prefix: 127 } }, "ip"),
    sample({ kind: "partial", type: "ip", settings: { ipv4_prefix: 0, ipv6_prefix: 0 } }, "ip"),
    sample({ kind: "partial", type: "email" }, "token"),
  ],
  redact: [sample({ kind: "redact" }, "token"), sample({ kind: "redact", type: "ip" }, "token")],
  null: [sample({ kind: "null" }, "nothing"), sample({ kind: "null", type: "integer" }, "nothing")],
  constant: [
    sample({ kind: "constant", settings: { value: "gone 👍" } }, "token"),
    sample({ kind: "constant", settings: { value: "" } }, "token"),
  ],
  generalise: [
    ...(["month", "year"] as const).map((to) => sample({ kind: "generalise", type: "date", settings: { to } }, "date")),
    ...(["hour", "day", "month", "year"] as const).map((to) =>
      sample({ kind: "generalise", type: "timestamp", settings: { to } }, "timestamp"),
    ),
    ...[2, 10, 2 ** 53 - 1].map((bucket) => sample({ kind: "generalise", type: "integer", settings: { bucket } }, "integer")),
    ...[1, 10, 2 ** 53 - 1].map((bucket) => sample({ kind: "generalise", type: "number", settings: { bucket } }, "number")),
  ] as unknown as [Sample],
  sha256: [
    sample({ kind: "sha256" }, "token"),
    sample({ kind: "sha256", settings: { salt: "canary4711" } }, "token"),
    sample({ kind: "sha256", type: "ip", settings: { salt: "canary4711", salt_at: "end" } }, "token"),
  ],
};

export const everySample: readonly Sample[] = Object.values(samples).flat();

/** The mask of a sample, under the test key of its domain. */
export function sampleMask({ definition }: Sample): Mask {
  const { kind, domain } = definition;
  return createMask(definition, domain === null ? null : onlyKey(testKey(kind, domain)));
}
