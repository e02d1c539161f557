import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { readInteger, readNumber } from "../../src/contract/number.ts";
import type { Problem } from "../../src/contract/reading.ts";
import { outcome } from "./contracts.ts";

test("an integer is a JSON number that kept its digits, or digits as text", () => {
  const stored: readonly (readonly [unknown, string])[] = [
    [0, "0"],
    [-0, "0"],
    [-12, "-12"],
    [2 ** 53 - 1, "9007199254740991"],
    ["0", "0"],
    ["-0", "0"],
    ["9223372036854775807", "9223372036854775807"],
    ["-9223372036854775808", "-9223372036854775808"],
  ];
  for (const [value, text] of stored) assert.equal(outcome(value, { type: "integer" }), text);
  for (const value of [2 ** 53, 1e300, "9223372036854775808", "-9223372036854775809", "9".repeat(100_000)]) {
    assert.equal(outcome(value, { type: "integer" }), "! out_of_range");
  }
  assert.equal((readInteger(JSON.parse("1e999")) as Problem).reason, "out_of_range");
  for (const value of [1.5, "", "01", "+1", " 1", "1.0", "1e3", "0x10", "-", "٣"]) {
    assert.equal(outcome(value, { type: "integer" }), "! bad_format");
  }
  for (const value of [true, {}, []]) assert.equal(outcome(value, { type: "integer" }), "! wrong_type");
});

test("a number is written in plain decimals, equal numbers alike", () => {
  const stored: readonly (readonly [unknown, string])[] = [
    [1.5, "1.5"],
    ["1.50", "1.5"],
    ["-0.00", "0"],
    ["-0.10", "-0.1"],
    [1e21, "1000000000000000000000"],
    [1.25e-7, "0.000000125"],
    [-1.5e30, "-1500000000000000000000000000000"],
    ["12345678901234567890.123456789", "12345678901234567890.123456789"],
  ];
  for (const [value, text] of stored) assert.equal(outcome(value, { type: "number" }), text);
  for (const value of ["", "1.", ".5", "1e5", "NaN", "Infinity", "1,5", "00.5", "+1"]) {
    assert.equal(outcome(value, { type: "number" }), "! bad_format");
  }
  assert.equal(outcome("1".repeat(1001), { type: "number" }), "! out_of_range");
  assert.deepEqual(readNumber(JSON.parse("1e999")), { reason: "out_of_range", expected: "a finite number", found: "number" });
});

test("a number's text is the same number, for every finite number", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = readNumber(value) as string;
      assert.match(text, /^-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?$/);
      assert.equal(Number(text), value === 0 ? 0 : value);
    }),
    { numRuns: 2000 },
  );
});

test("true and false are the only booleans", () => {
  assert.equal(outcome(true, { type: "boolean" }), "true");
  assert.equal(outcome(false, { type: "boolean" }), "false");
  for (const value of ["true", 1, 0, {}]) assert.equal(outcome(value, { type: "boolean" }), "! wrong_type");
});
