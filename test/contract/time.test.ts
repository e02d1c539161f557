import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { outcome } from "./contracts.ts";

test("a timestamp becomes UTC, to the microsecond at most", () => {
  const stored: readonly (readonly [unknown, string])[] = [
    ["2024-01-31T23:59:59Z", "2024-01-31T23:59:59Z"],
    ["2024-01-31 23:59:59.120+02:30", "2024-01-31T21:29:59.12Z"],
    ["2024-02-29t22:30:00-01:30", "2024-03-01T00:00:00Z"],
    ["2024-01-31T23:59:59.999999999z", "2024-01-31T23:59:59.999999Z"],
    ["1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59.5Z"],
    ["2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.9Z", "9999-12-31T23:59:59.9Z"],
    [1_694_479_551, "2023-09-12T00:45:51Z"],
    [1_694_479_551_250, "2023-09-12T00:45:51.25Z"],
    [0, "1970-01-01T00:00:00Z"],
    [-1, "1969-12-31T23:59:59Z"],
    [-100_000_000_001, "1966-10-31T14:13:19.999Z"],
  ];
  for (const [value, text] of stored) assert.equal(outcome(value, { type: "timestamp" }), text);
});

test("a timestamp that is ambiguous, impossible or out of range is refused", () => {
  const misformed = [
    "2024-01-31T23:59:59", "2024-01-31", "1694479551", "", "2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-13-01T00:00:00Z",
    "2024-01-01T24:00:00Z", "2024-01-01T00:60:00Z", "2024-01-01T00:00:61Z", "2024-01-01T00:00:00+24:00", "2024-01-01T00:00:00+02",
    "2024-01-01T00:00:00.1234567890Z", "24-01-01T00:00:00Z", "01/31/2024", 1.5,
  ]; // prettier-ignore
  for (const value of misformed) assert.equal(outcome(value, { type: "timestamp" }), "! bad_format", String(value));
  for (const value of ["0000-06-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", 1e15, -1e14]) {
    assert.equal(outcome(value, { type: "timestamp" }), "! out_of_range", String(value));
  }
  assert.equal(outcome(true, { type: "timestamp" }), "! wrong_type");
});

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}

test("every point in time is read back as it was written, with any offset", () => {
  const range = { min: new Date("0001-01-02T00:00:00Z"), max: new Date("9999-12-30T00:00:00Z"), noInvalidDate: true };
  fc.assert(
    fc.property(fc.date(range), fc.integer({ min: -1439, max: 1439 }), (date, offsetMinutes) => {
      const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString().slice(0, -1);
      const offset = Math.abs(offsetMinutes);
      const text = `${local}${offsetMinutes < 0 ? "-" : "+"}${twoDigits(Math.floor(offset / 60))}:${twoDigits(offset % 60)}`;
      assert.equal(new Date(outcome(text, { type: "timestamp" }) ?? "").getTime(), date.getTime());
      assert.equal(outcome(text, { type: "date" }), date.toISOString().slice(0, 10));
    }),
  );
});

test("a date is a calendar date, or the UTC day of a timestamp", () => {
  assert.equal(outcome("2024-02-29", { type: "date" }), "2024-02-29");
  assert.equal(outcome("0001-01-01", { type: "date" }), "0001-01-01");
  assert.equal(outcome("2024-01-31T23:30:00-01:00", { type: "date" }), "2024-02-01");
  for (const text of ["2023-02-29", "2024-1-1", "01/31/2024", "20240131", "2024-00-10", "2024-01-31T23:30:00", ""]) {
    assert.equal(outcome(text, { type: "date" }), "! bad_format", text);
  }
  assert.equal(outcome("0000-01-01", { type: "date" }), "! out_of_range");
  assert.equal(outcome(20_240_131, { type: "date" }), "! wrong_type");
});
