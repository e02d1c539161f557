import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { countCharacters } from "../../src/contract/text.ts";
import { outcome, read } from "./contracts.ts";

test("unmasked text is stored as it was sent", () => {
  for (const text of ["", "  spaces ", "O'Brien; DROP\\", "e\u0301", "👍", "en_US"]) assert.equal(outcome(text, {}), text);
});

test("masked text is trimmed and composed, so that equal texts are equal", () => {
  assert.equal(outcome(" Jose\u0301\n", { masked: "canonical" }), "José");
  assert.equal(outcome(" Jose\u0301\n", { masked: "raw" }), " Jose\u0301\n");
});

test("the canonical form of a canonical form is itself", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      const once = outcome(text, { masked: "canonical" });
      if (once !== null && !once.startsWith("!")) assert.equal(outcome(once, { masked: "canonical" }), once);
    }),
  );
});

test("combining marks in a row are counted before they are sorted: a message of nothing else is refused at once", () => {
  const marks = (count: number): string => `a${"\u0315\u0300".repeat(count).slice(0, count)}`;
  assert.equal(outcome(marks(30), { masked: "canonical" }), marks(30).normalize("NFC"));
  assert.equal(outcome(marks(31), { masked: "canonical" }), "! bad_character");
  // sorting so many takes time with their square
  assert.equal(outcome(marks(100_000), { masked: "canonical" }), "! bad_character");
  assert.equal(outcome(`${marks(30)}b`.repeat(100), { masked: "canonical" }), `${marks(30)}b`.repeat(100).normalize("NFC"));
  assert.equal(outcome(marks(31), {}), marks(31), "an unmasked text is not composed");
});

test("a NUL and half a surrogate pair are refused, whether masked or not", () => {
  for (const masked of ["no", "canonical", "raw"] as const) {
    for (const text of ["a\0b", "a\ud800", "\udc00b"]) assert.equal(outcome(text, { masked }), "! bad_character");
  }
});

test("only text is text", () => {
  for (const value of [1, true, {}, []]) assert.equal(outcome(value, {}), "! wrong_type");
});

test("the limit counts characters, not bytes or UTF-16 units", () => {
  assert.equal(outcome("👍".repeat(32), { max: 32 }), "👍".repeat(32));
  assert.deepEqual(read("👍".repeat(129), { max: 128 }), {
    faults: [{ reason: "too_long", path: "field", expected: "at most 128 characters", found: "129 characters" }],
  });
});

test("the limit counts what will be stored", () => {
  assert.equal(outcome("  e\u0301  ", { max: 1, masked: "canonical" }), "é");
  assert.equal(outcome("  e\u0301  ", { max: 1 }), "! too_long");
});

test("characters are counted as code points", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => assert.equal(countCharacters(text), Array.from(text).length)));
});
