import { isLuhnValid } from "../src/masks/scan/luhn.ts";

export interface Random {
  /** 0 to `limit` - 1. */
  below(limit: number): number;
  pick<T>(values: readonly T[]): T;
  characters(alphabet: string, length: number): string;
}

/** The same numbers for the same seed, on every machine (mulberry32). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
  return {
    below,
    pick: (values) => values[below(values.length)] as (typeof values)[number],
    characters: (alphabet, length) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join(""),
  };
}

/** A value as it is written, which may have something around it (a port, brackets), and the part that is personal. */
export interface Planted {
  readonly kind: string;
  readonly shown: string;
  readonly value: string;
}

const digits = "0123456789";
const hex = "0123456789abcdef";

function ipv4(random: Random): string {
  return Array.from({ length: 4 }, () => random.below(256)).join(".");
}

function ipv6(random: Random): string {
  const groups = Array.from({ length: 8 }, () => random.below(0x10000).toString(16));
  const form = random.below(4);
  if (form === 0) return groups.join(":");
  if (form === 1) return groups.map((group) => group.padStart(4, "0").toUpperCase()).join(":");
  if (form === 2) return `2001:db8::${groups[0]}:${groups[1]}`;
  return `fe80::${groups[0]}`;
}

function uuid(random: Random): string {
  const id = [8, 4, 4, 4, 12].map((length) => random.characters(hex, length)).join("-");
  return random.below(3) === 0 ? id.toUpperCase() : id;
}

function email(random: Random): string {
  const local = random.pick(["ann.lee", "o'brien", "j_doe", "max+news", "K.Muster", "info", "k\u00e4the", "a-b", "x7"]);
  const domain = random.pick([
    "example.com",
    "Mail.Example.ORG",
    "m\u00fcller.example",
    "sub-1.example.co.uk",
    "example.travel",
    "xn--bcher-kva.example",
  ]);
  return `${local}${random.below(100)}@${domain}`;
}

function ssnShape(random: Random): string {
  return [3, 2, 4].map((length) => random.characters(digits, length)).join("-");
}

/** A number with a valid check digit, as long as cards are. */
export function cardDigits(random: Random, length: number = random.pick([13, 14, 15, 16, 16, 16, 16, 19])): string {
  const body = random.pick(["4", "51", "2221", "37", "6011", "30"]) + random.characters(digits, length);
  const start = body.slice(0, length - 1);
  return start + Array.from(digits).find((last) => isLuhnValid(start + last));
}

function grouped(number: string, separator: string): string {
  const sizes = number.length === 15 ? [4, 6, 5] : number.length === 14 ? [4, 6, 4] : [4, 4, 4, 4, 4];
  let at = 0;
  return sizes
    .map((size) => number.slice(at, (at += size)))
    .filter((group) => group !== "")
    .join(separator);
}

function around(kind: string, value: string, before: string, after: string): Planted {
  return { kind, shown: `${before}${value}${after}`, value };
}

/** Values as people and programs write them, one maker a form. */
export const plantedValues: readonly ((random: Random) => Planted)[] = [
  (random) => around("ip", ipv4(random), "", ""),
  (random) => around("ip", ipv4(random), random.pick(["http://", "ip=", "addr:", "["]), random.pick(["/x", ":8080", "]", "/24"])),
  (random) => around("ip", ipv6(random), "", ""),
  (random) => around("ip", ipv6(random), "[", random.pick(["]:443", "]"])),
  (random) => around("ip", `::ffff:${ipv4(random)}`, "", ""),
  (random) => around("ip", ipv6(random), random.pick(["ip:", "src:", "client="]), random.pick(["%eth0", "/64", "", ": closed"])),
  (random) => around("email", email(random), "", ""),
  (random) =>
    around("email", email(random), random.pick(["mailto:", "to:", "<", "'", "mail="]), random.pick(["", ">", "'", "?", "!"])),
  (random) => around("uuid", uuid(random), "", ""),
  (random) => around("uuid", uuid(random), random.pick(["{", "urn:uuid:", "user-", "/v1/"]), random.pick(["}", "/x", "", "-copy"])),
  (random) => around("ssn-shape", ssnShape(random), "", ""),
  (random) => around("ssn-shape", ssnShape(random).replaceAll("-", random.pick(["\u2011", "\u2013"])), "", ""),
  (random) => around("card", cardDigits(random), "", ""),
  (random) => around("card", grouped(cardDigits(random), random.pick([" ", "-"])), "", random.pick(["", " exp 12/27", " (visa)"])),
  (random) => around("card", grouped(cardDigits(random, 16), " "), "", ` ${random.characters(digits, 3)}`),
];

/** What looks like a value at first sight and is none. */
export const hardNegatives: readonly ((random: Random) => string)[] = [
  (random) => `v${ipv4(random)}`,
  (random) => `${random.below(20)}.${random.below(20)}.${random.below(20)}`,
  (random) => `${random.below(99)}.0.${4000 + random.below(999)}.${random.below(200)}`,
  (random) => `${ipv4(random)}.${random.below(10)}`,
  (random) => `20${random.characters(digits, 2)}-0${1 + random.below(9)}-1${random.below(9)}T1${random.below(9)}:30:45.123Z`,
  (random) => `1${random.below(9)}:30:${10 + random.below(49)}`,
  (random) => `3${random.below(2)}.01.202${random.below(9)}`,
  (random) => `2024-01-31 1${random.below(9)}:30`,
  (random) => random.characters(digits, random.pick([13, 14, 16, 17, 19])),
  (random) => random.characters(digits, random.pick([20, 22, 24])),
  (random) => `ORD-${random.characters(digits, 4)}-${random.characters(digits, 6)}`,
  (random) => `+1 ${random.characters(digits, 3)}-${random.characters(digits, 3)}-${random.characters(digits, 4)}`,
  (random) => `(030) ${random.characters(digits, 8)}`,
  (random) => `0049 30 ${random.characters(digits, 7)}`,
  (random) => `DE${random.characters(digits, 2)} ${grouped(random.characters(digits, 16), " ")} ${random.characters(digits, 2)}`,
  (random) => random.characters(hex, random.pick([7, 16, 32, 40, 64])),
  (random) => Array.from({ length: 6 }, () => random.characters(hex, 2)).join(":"),
  (random) => Array.from({ length: 16 }, () => random.characters(hex, 2)).join(":"),
  (random) => `${random.pick(["std", "Foo", "crate"])}::${random.pick(["vector", "Bar", "x9"])}`,
  (random) => `@${random.pick(["ann", "support", "x7"])}`,
  (random) => `root@${random.pick(["localhost", "web1", "db"])}`,
  (random) => `${random.characters(digits, 3)}-${random.characters(digits, 2)}-${random.characters(digits, 5)}`,
  (random) => `1-${random.characters(digits, 3)}-${random.characters(digits, 2)}-${random.characters(digits, 4)}`,
  (random) => `${random.characters(digits, 3)},${random.characters(digits, 3)}.${random.characters(digits, 2)} EUR`,
  (random) => `0.${random.characters(digits, 16)}`,
];

/** What has the form of a value by any rule: only its writer knows that it is none. */
export const lookAlikes: readonly ((random: Random) => Planted)[] = [
  (random) => around("ip", ipv4(random), "version ", ""),
  (random) => around("ssn-shape", ssnShape(random), "part ", ""),
  (random) => around("card", cardDigits(random, 16), "order ", ""),
  (random) => around("uuid", uuid(random), "release ", ""),
  (random) => around("email", `icon${random.below(9)}@2x.png`, "file ", ""),
  () => around("ip", "ab::cd", "scope ", ""),
];
