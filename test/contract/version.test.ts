import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { VersionForm } from "../../src/contract/column.ts";
import { outcome, read } from "./contracts.ts";

function stored(value: unknown, as: VersionForm): string | null {
  return outcome(value, { type: "version", as });
}

test("the first number is the major version", () => {
  for (const [text, major] of [
    ["2.3.0", "2"],
    ["0.96", "0"],
    ["10.0.0", "10"],
    ["7", "7"],
    ["1.2.3.4", "1"],
    [" 02.1 ", "2"],
  ] as const) {
    assert.equal(stored(text, "major"), major);
  }
});

test("a version that is not numeric is refused, not stored as 0", () => {
  const texts = ["", " ", "v2.3", "2.3.0-beta", "2.", ".2", "2..3", "1.2.3.4.5", "-1", "2,3", "1e3", "٢.٣", "latest"];
  for (const as of ["major", "packed", "text", "digits"] as const) {
    for (const text of texts) assert.equal(stored(text, as), "! bad_format", text);
    for (const value of [2, 2.3, true, {}, []]) assert.equal(stored(value, as), "! wrong_type");
    assert.equal(stored("1234567890.0", as), "! out_of_range");
  }
});

test("packed versions are numbers that fit an integer column", () => {
  assert.equal(stored("2.3.0", "packed"), "2003000");
  assert.equal(stored("2.3", "packed"), "2003000");
  assert.equal(stored("2.3.0.0", "packed"), "2003000");
  assert.equal(stored("2146.999.999", "packed"), "2146999999");
  for (const text of ["2147.0.0", "1.1000", "1.0.1000", "1.2.3.4"]) assert.equal(stored(text, "packed"), "! out_of_range", text);
});

test("packed versions keep their order", () => {
  const version = fc.tuple(fc.nat({ max: 2146 }), fc.nat({ max: 999 }), fc.nat({ max: 999 }));
  fc.assert(
    fc.property(version, version, (left, right) => {
      const place = left.findIndex((part, index) => part !== right[index]);
      const order = place < 0 ? 0 : Math.sign((left[place] ?? 0) - (right[place] ?? 0));
      assert.equal(Math.sign(Number(stored(left.join("."), "packed")) - Number(stored(right.join("."), "packed"))), order);
    }),
  );
});

test("text keeps the version as sent", () => {
  assert.equal(stored(" 2.00 ", "text"), "2.00");
  assert.deepEqual(read("10.0.0", { type: "version", as: "text", max: 5 }), {
    faults: [{ reason: "too_long", path: "field", expected: "at most 5 characters", found: "6 characters" }],
  });
});

test("digits are for legacy tables: different versions collide, which the default does not hide in one number", () => {
  assert.equal(stored("2.3.0", "digits"), "230");
  for (const text of ["0.2.6", "0.26", "2.6"]) assert.equal(stored(text, "digits"), "26");
  assert.deepEqual(
    ["0.2.6", "0.26", "2.6"].map((text) => stored(text, "packed")),
    ["2006", "26000", "2006000"],
  );
  assert.equal(stored("2147483647", "digits"), "! out_of_range");
  assert.equal(stored("21474.83647", "digits"), "2147483647");
  assert.equal(stored("21474.83648", "digits"), "! out_of_range");
});
