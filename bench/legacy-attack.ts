import { hash } from "node:crypto";
import { parseArgs } from "node:util";

import { deriveMaskKey } from "../src/keys/derive.ts";
import { createKeyRing } from "../src/keys/ring.ts";
import { createMask } from "../src/masks/create-mask.ts";
import type { Mask, MaskDefinition } from "../src/masks/mask.ts";
import { addressesIn, type AddressRange, type Guess, searchAddresses, someAddresses } from "./address-search.ts";

// node bench/legacy-attack.ts [--bits 22] [--rounds 3]
// What it takes to undo unkeyed tokens of IPv4 addresses on one core, and what a holder of the key needs for the keyed ones.
// A reduced range is searched in full, its tokens must all be found, and the time for all 2^32 is reckoned from the rate.

const allAddresses = 2 ** 32;
const tableRows = 10_000;
const columnRows = 1_024;

const { values } = parseArgs({ options: { bits: { type: "string", default: "22" }, rounds: { type: "string", default: "3" } } });
const range: AddressRange = { first: 0x0a00_0000, count: 2 ** Number(values.bits) };
const addresses = someAddresses(range, Math.min(tableRows, range.count));

const base = { domain: null, type: "ip", encode: "text", key: null, settings: {} } as const;
const ring = createKeyRing((lengthBytes) => Buffer.alloc(lengthBytes, 7));
const keyed = (kind: "siv" | "hmac"): Mask => {
  const definition: MaskDefinition = { ...base, kind, domain: "bench.ip", encode: "packed" };
  const { id, key } = ring.primary;
  const derived = { id, key: deriveMaskKey(key, kind, "bench.ip") };
  return createMask(definition, { primary: derived, known: [derived] });
};
const legacy = (settings: MaskDefinition["settings"]): Mask => createMask({ ...base, kind: "sha256", settings }, null);

/** One candidate at a time by the runtime's one-shot hash, as an attacker would write it. */
function searchOneByOne(tokens: ReadonlySet<string>, guess: Guess): number {
  return searchAddresses(tokens, range, guess).size;
}

/** Whole columns through the mask itself: what whoever holds the key has at hand. */
function searchByColumns(tokens: ReadonlySet<string>, mask: Mask): number {
  let found = 0;
  let column: string[] = [];
  const look = (): void => {
    for (const token of mask.apply(column)) if (token !== null && tokens.has(token)) found += 1;
    column = [];
  };
  for (const address of addressesIn(range)) if (column.push(address) === columnRows) look();
  look();
  return found;
}

const attacks: readonly (readonly [name: string, mask: Mask, search: (tokens: ReadonlySet<string>) => number])[] = [
  ["sha256", legacy({}), (tokens) => searchOneByOne(tokens, (address) => hash("sha256", address))],
  [
    "sha256, salt known",
    legacy({ salt: "a known salt" }),
    (tokens) => searchOneByOne(tokens, (address) => hash("sha256", `a known salt${address}`)),
  ],
  ["hmac, key known", keyed("hmac"), (tokens) => searchByColumns(tokens, keyed("hmac"))],
  ["siv, key known", keyed("siv"), (tokens) => searchByColumns(tokens, keyed("siv"))],
];

process.stdout.write(`Node ${process.version}, one thread, ${range.count} candidates, best of ${values.rounds}\n`);
for (const [name, mask, search] of attacks) {
  const tokens = new Set(mask.apply(addresses).filter((token) => token !== null));
  let cpuSeconds = Infinity;
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const before = process.cpuUsage();
    const found = search(tokens);
    // of this process alone, so that what else the machine does counts less
    const { user, system } = process.cpuUsage(before);
    // a search that misses a token has not been measured
    if (found !== addresses.length) throw new Error(`${name}: ${found} of ${addresses.length} tokens found`);
    cpuSeconds = Math.min(cpuSeconds, (user + system) / 1e6);
  }
  const perSecond = range.count / cpuSeconds;
  const minutes = allAddresses / perSecond / 60;
  process.stdout.write(
    `${name.padEnd(20)} ${addresses.length} of ${addresses.length} found  ${(perSecond / 1e6).toFixed(2)} M/s  all 2^32: ${minutes.toFixed(1)} min\n`,
  );
}
