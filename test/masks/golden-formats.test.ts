import assert from "node:assert/strict";
import { test } from "node:test";

import type { MaskDefinition } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";
import { createUnauthenticated } from "./unauthenticated.ts";

// source: the design's golden values. They hold for ever: a change here is a change of every token in every database.
const golden: readonly { definition: MaskDefinition & { domain: string }; value: string; token: string }[] = [
  {
    definition: { ...maskDefinition({ kind: "ipcrypt", type: "ip" }), domain: "user_logins.ip" },
    value: "203.0.113.77",
    token: "2820:e9e2:e20b:53d8:a1da:5357:4cd5:a19a",
  },
  {
    definition: { ...maskDefinition({ kind: "ipcrypt-pfx", type: "ip" }), domain: "user_logins.ip" },
    value: "203.0.113.77",
    token: "37.251.114.164",
  },
  {
    definition: { ...maskDefinition({ kind: "ff1" }), domain: "user_logins.device_id" },
    value: "593475928",
    token: "789599058",
  },
];

for (const { definition, value, token } of golden) {
  const { kind, domain } = definition;
  test(`${kind} gives the golden token of ${domain}, and opens it`, () => {
    const mask = createUnauthenticated(definition, onlyKey(testKey(kind, domain)));
    assert.deepEqual(mask.apply([value]), [token]);
    assert.deepEqual(mask.open([token]), [{ value }]);
  });
}
