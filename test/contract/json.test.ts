import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { column, compileContract, contract, incoming, outcome } from "./contracts.ts";

test("any JSON value is stored as JSON", () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
      const text = outcome(value, { type: "json" });
      if (value === null) assert.equal(text, null);
      else if (!text?.startsWith("!")) assert.deepEqual(JSON.parse(text ?? ""), JSON.parse(JSON.stringify(value)));
    }),
  );
  assert.equal(outcome("text", { type: "json" }), '"text"');
});

test("characters that Postgres cannot store are found in values and in keys, at any depth", () => {
  for (const value of ["\0", ["\ud800"], { "\0": 1 }, { a: [{ "\udfff": null }] }, { a: { b: "\0" } }]) {
    assert.equal(outcome(value, { type: "json" }), "! bad_character");
  }
});

const check = compileContract(contract([column("field", { type: "json" })]));

test("numbers that could not be kept are refused, not changed", () => {
  for (const number of ["1e999", "9007199254740993"]) {
    const checked = check(incoming(`{"field": [${number}]}`));
    assert.deepEqual("faults" in checked && checked.faults.map((fault) => fault.reason), ["out_of_range"]);
  }
});

function nested(levels: number): string {
  return `{"field": ${"[".repeat(levels)}${"]".repeat(levels)}}`;
}

test("deep nesting is refused, not a crash", () => {
  assert.ok("values" in check(incoming(nested(500))));
  for (const levels of [501, 100_000]) {
    const checked = check(incoming(nested(levels)));
    assert.deepEqual("faults" in checked && checked.faults.map((fault) => fault.reason), ["bad_format"]);
  }
});
