import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { createMask } from "../../src/masks/create-mask.ts";
import type { Mask, MaskDefinition, MaskSettings } from "../../src/masks/mask.ts";
import { maskDefinition } from "./masks.ts";
import { canonicalValues } from "./samples.ts";

function generalise(type: MaskDefinition["type"], settings: MaskSettings): Mask {
  return createMask(maskDefinition({ kind: "generalise", type, domain: null, settings }), null);
}

test("a date becomes the start of its month or year", () => {
  assert.deepEqual(generalise("date", { to: "month" }).apply(["2024-01-31", "0001-12-01"]), ["2024-01-01", "0001-12-01"]);
  assert.deepEqual(generalise("date", { to: "year" }).apply(["2024-12-31"]), ["2024-01-01"]);
});

test("a timestamp becomes the start of its hour, day, month or year in UTC", () => {
  const value = "2024-02-29T23:59:59.999999Z";
  const starts = {
    hour: "2024-02-29T23:00:00Z",
    day: "2024-02-29T00:00:00Z",
    month: "2024-02-01T00:00:00Z",
    year: "2024-01-01T00:00:00Z",
  } as const;
  for (const [to, start] of Object.entries(starts))
    assert.deepEqual(generalise("timestamp", { to: to as keyof typeof starts }).apply([value]), [start]);
});

test("what is cut is a time the column can hold, not after its value, and the same when cut again", () => {
  const to = fc.constantFrom("hour" as const, "day" as const, "month" as const, "year" as const);
  fc.assert(
    fc.property(canonicalValues.timestamp, to, (value, coarse) => {
      const mask = generalise("timestamp", { to: coarse });
      const [token] = mask.apply([value]) as [string];
      assert.ok(Date.parse(token) <= Date.parse(value));
      assert.deepEqual(mask.apply([token]), [token]);
    }),
  );
});

test("an integer becomes the multiple at or below it, negative ones too, exactly", () => {
  assert.deepEqual(generalise("integer", { bucket: 10 }).apply(["0", "7", "10", "19", "-1", "-10", "-11"]), [
    "0",
    "0",
    "10",
    "10",
    "-10",
    "-10",
    "-20",
  ]);
  assert.deepEqual(generalise("integer", { bucket: 1000 }).apply(["9223372036854775807", "9007199254740993"]), [
    "9223372036854775000",
    "9007199254740000",
  ]);
});

test("a number becomes a whole multiple at or below it, by its decimals and not by a float", () => {
  assert.deepEqual(
    generalise("number", { bucket: 1 }).apply(["0.999999999999999999999", "-0.1", "1.5", "-1", "-1.000000000000000001"]),
    ["0", "-1", "1", "-1", "-2"],
  );
  // as floats, both are 100000000000000000000
  assert.deepEqual(generalise("number", { bucket: 100 }).apply(["99999999999999999999.9", "-99999999999999999999.9"]), [
    "99999999999999999900",
    "-100000000000000000000",
  ]);
});

test("the multiple is a multiple, at most one bucket below, for every value", () => {
  fc.assert(
    fc.property(canonicalValues.number, fc.integer({ min: 1, max: 2 ** 53 - 1 }), (value, bucket) => {
      const [token] = generalise("number", { bucket }).apply([value]) as [string];
      assert.equal(BigInt(token) % BigInt(bucket), 0n);
      // scaled by 10^30, which makes every value of this test a whole number
      const [whole = "", fraction = ""] = value.replace("-", "").split(".");
      const scaled = BigInt(whole + fraction.padEnd(30, "0")) * (value.startsWith("-") ? -1n : 1n);
      const below = scaled - BigInt(token) * 10n ** 30n;
      assert.ok(below >= 0n && below < BigInt(bucket) * 10n ** 30n);
    }),
    { numRuns: 1000 },
  );
});

test("a multiple below what a bigint holds is refused, as the database would refuse the row", () => {
  assert.throws(() => generalise("integer", { bucket: 1000 }).apply(["-9223372036854775808"]), { code: "internal" });
  assert.deepEqual(generalise("integer", { bucket: 2 }).apply(["-9223372036854775808"]), ["-9223372036854775808"]);
});

test("what the contract would not let through is refused, without telling it", () => {
  const masks = [
    generalise("timestamp", { to: "year" }),
    generalise("date", { to: "month" }),
    generalise("integer", { bucket: 5 }),
  ];
  for (const mask of masks) {
    assert.throws(
      () => mask.apply(["private-text"]),
      (error: Error) => !error.message.includes("private"),
    );
  }
});
