import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { count } from "../../src/cli/table.ts";

test("numbers are shown as the runtime would show them in English, with one decimal place at most", () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), (value) => {
      assert.equal(count(value), value.toLocaleString("en-US"));
    }),
  );
  for (const value of [0.5, 0.25, 0.04, 12.34, 999.95, 1_234.56, -1_234.56, 99_999.96]) {
    assert.equal(count(value), value.toLocaleString("en-US", { maximumFractionDigits: 1 }));
  }
});
