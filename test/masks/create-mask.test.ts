import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { createMask } from "../../src/masks/create-mask.ts";
import { maskFingerprint } from "../../src/masks/fingerprint.ts";
import { canRecognise, type Mask, type MaskDefinition, maskFacts, maskKinds } from "../../src/masks/mask.ts";
import { onlyKey, testKey } from "./masks.ts";

function maskOf(kind: MaskDefinition["kind"]): Mask {
  const keys = kind === "siv" || kind === "hmac" ? onlyKey(testKey(kind, "d")) : null;
  return createMask({ kind, domain: keys === null ? null : "d", type: "text", encode: "text", key: null, settings: {} }, keys);
}

test("every kind of the table can be made, and is what the table says", () => {
  for (const kind of maskKinds) {
    const mask = maskOf(kind);
    const { input, reversible, keyed, tagged } = maskFacts[kind];
    assert.deepEqual([mask.input, mask.reversible, mask.keyed, mask.tagged], [input, reversible, keyed, tagged]);
    assert.equal(canRecognise(mask), "open" in mask && "recognises" in mask);
  }
});

test("every kind gives one token for each value, none longer than said", () => {
  const values = ["", "a", "203.0.113.77", "ä".repeat(30)];
  for (const kind of maskKinds) {
    const mask = maskOf(kind);
    const tokens = mask.apply(values);
    assert.equal(tokens.length, values.length);
    for (const token of tokens) assert.ok((token?.length ?? 0) <= (mask.longestToken(30) ?? 0), kind);
    assert.deepEqual(mask.apply([]), []);
  }
});

test("no token holds the value it was made from", () => {
  for (const kind of maskKinds) assert.ok(!maskOf(kind).apply(["203.0.113.77"])[0]?.includes("203"));
});

test("a keyed mask is not made without domain or key, nor with a key of another length", () => {
  for (const kind of ["siv", "hmac"] as const) {
    const definition: MaskDefinition = { kind, domain: "d", type: "text", encode: "text", key: null, settings: {} };
    const keys = onlyKey(testKey(kind, "d"));
    const wrong = onlyKey(testKey(kind === "siv" ? "hmac" : "siv", "d"));
    assert.throws(() => createMask(definition, null), { code: "internal" });
    assert.throws(() => createMask({ ...definition, domain: null }, keys), { code: "internal" });
    assert.throws(() => createMask({ ...definition, domain: "" }, keys), { code: "internal" });
    assert.throws(() => createMask(definition, wrong), { code: "internal" });
    assert.throws(() => createMask(definition, { ...keys, known: [...wrong.known] }), { code: "internal" });
  }
});

test("packed is for types that have such a form", () => {
  const definition: MaskDefinition = { kind: "siv", domain: "d", type: "text", encode: "packed", key: null, settings: {} };
  assert.throws(() => createMask(definition, onlyKey(testKey("siv", "d"))), { code: "internal" });
});

test("a mask shows its keys to nothing that prints it", () => {
  for (const kind of ["siv", "hmac"] as const) {
    const key = testKey(kind, "d");
    const shown = inspect(createMask({ kind, domain: "d", type: "text", encode: "text", key: null, settings: {} }, onlyKey(key)), {
      depth: 20,
      showHidden: true,
    });
    assert.ok(!shown.includes(Buffer.from(key.key).toString("hex").slice(0, 16)));
    assert.ok(!shown.includes([...key.key.subarray(0, 4)].join(", ")));
  }
});

test("a fingerprint is pinned, and tells all that decides a token beside key and domain", () => {
  const definition: MaskDefinition = { kind: "siv", domain: "login.ip", type: "ip", encode: "packed", key: null, settings: {} };
  // SHA-256 of {"canonical":1,"encode":"packed","kind":"siv","type":"ip"}, by sha256sum.
  assert.equal(maskFingerprint(definition), "8baa45eac466d0beb954c6926a5dce63acf984687bd3e0ddaa23a92cc630fae3");
  assert.equal(maskFingerprint({ ...definition, domain: "other" }), maskFingerprint(definition));
  const others: readonly MaskDefinition[] = [
    { ...definition, kind: "hmac" },
    { ...definition, type: "uuid" },
    { ...definition, encode: "text", key: null, settings: {} },
  ];
  assert.equal(new Set([definition, ...others].map(maskFingerprint)).size, 4);
});
