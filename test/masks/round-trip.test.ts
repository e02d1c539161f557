import assert from "node:assert/strict";
import { test } from "node:test";

import { formatIp } from "../../src/contract/ip.ts";
import type { MaskDefinition } from "../../src/masks/mask.ts";
import { createReversible, onlyKey, sivDefinition, testKey } from "./masks.ts";

/** The same numbers at every run (xorshift32), so that a failure comes back. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

const next = numbers(0x9e37_79b9);
const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, () => next() & 0xff));
/** One-, two-, three- and four-byte characters of UTF-8. */
const characters = Array.from("abcXYZ019-_. @äß日本😀🎉");

const cases: readonly { readonly definition: MaskDefinition; readonly value: () => string; readonly count: number }[] = [
  {
    definition: sivDefinition({ type: "ip", encode: "packed" }),
    value: () => (next() % 2 === 0 ? Array.from(bytes(4)).join(".") : formatIp(bytes(16))),
    count: 350_000,
  },
  {
    definition: sivDefinition({ type: "uuid", encode: "packed" }),
    value: () =>
      bytes(16)
        .toString("hex")
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
    count: 350_000,
  },
  {
    definition: sivDefinition(),
    // Every other one is ASCII, as texts mostly are.
    value: () => {
      const some = next() % 2 === 0 ? characters.length : 14;
      return Array.from({ length: next() % 40 }, () => characters[next() % some]).join("");
    },
    count: 300_000,
  },
];

for (const { definition, value, count } of cases) {
  test(`${count} random values of type ${definition.type}, ${definition.encode}, come back from siv as they were`, () => {
    const mask = createReversible(definition, onlyKey(testKey("siv", "user_logins.ip")));
    const opened: string[] = [];
    const values = Array.from({ length: count }, value);
    // In batches of many lengths, one value alone among them.
    for (let start = 0, length = 1; start < count; start += length, length = (length * 7) % 5003) {
      for (const result of mask.open(mask.apply(values.slice(start, start + length)))) {
        opened.push("value" in result ? result.value : result.failure);
      }
    }
    assert.equal(opened.length, count);
    assert.equal(
      values.findIndex((each, index) => opened[index] !== each),
      -1,
    );
  });
}
