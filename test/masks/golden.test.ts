import assert from "node:assert/strict";
import { test } from "node:test";

import { createMask } from "../../src/masks/create-mask.ts";
import type { MaskDefinition } from "../../src/masks/mask.ts";
import { createReversible, maskDefinition, onlyKey, sivDefinition, testKey } from "./masks.ts";

// source: the design's golden values. They hold for ever: a change here is a change of every token in every database.
const golden: readonly { definition: MaskDefinition; value: string; token: string }[] = [
  {
    definition: sivDefinition({ domain: "user_logins.ip", type: "ip" }),
    value: "203.0.113.77",
    token: "AQAABNLECpW4VotnfDd8C4ky57jPahE7jy3l8pCgRWGx",
  },
  {
    definition: { kind: "hmac", domain: "user_logins.ip", type: "ip", encode: "text", key: null, settings: {} },
    value: "203.0.113.77",
    token: "DfQQWQbTkjAJoB0KkltidQ",
  },
  {
    definition: maskDefinition({ kind: "cmac", domain: "user_logins.ip", type: "ip" }),
    value: "203.0.113.77",
    token: "z8ZpvywwyOsZCzmy79OzZg",
  },
  {
    definition: sivDefinition({ domain: "user_logins.device_id" }),
    value: "593-47-5928",
    token: "AQAABNIycNPlaFDvagOw6OY1jYYDgcPhBD10zkLz_m8",
  },
];

for (const { definition, value, token } of golden) {
  const { kind, domain } = definition;
  if (domain === null) throw new TypeError("a golden value without a key");
  const keys = onlyKey(testKey(kind, domain));
  test(`${kind} gives the golden token of ${domain}`, () => {
    assert.deepEqual(createMask(definition, keys).apply([value]), [token]);
  });
  if (kind !== "siv") continue;
  test(`${kind} opens the golden token of ${domain}`, () => {
    assert.deepEqual(createReversible(definition, keys).open([token]), [{ value }]);
  });
}

test("sha256 is the plain hash of the text as it was sent, in lower-case hex", () => {
  const mask = createMask({ kind: "sha256", domain: null, type: "text", encode: "text", key: null, settings: {} }, null);
  // FIPS 180-4 examples.
  assert.deepEqual(mask.apply(["abc", ""]), [
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  ]);
});
