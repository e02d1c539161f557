import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { canonicalForms, canonicalVersion } from "../../src/contract/canonical.ts";
import { columnTypes } from "../../src/contract/column.ts";
import { isStorable } from "../../src/contract/text.ts";
import { outcome } from "./contracts.ts";

for (const type of columnTypes) {
  const { longest, read, refused } = canonicalForms[type];
  const parts = { type, masked: "canonical", required: true } as const;

  describe(type, () => {
    test("is read as the table of canonical forms says", () => {
      assert.ok(read.length > 1);
      for (const [sent, canonical] of read) assert.equal(outcome(sent, parts), canonical, JSON.stringify(sent));
    });

    test("refuses what the table says, for the reason it says", () => {
      assert.ok(refused.length > 1);
      for (const [sent, reason] of refused) assert.equal(outcome(sent, parts), `! ${reason}`, JSON.stringify(sent));
    });

    test("has canonical forms that are read as themselves, none longer than said", () => {
      for (const [, canonical] of read) {
        assert.ok(isStorable(canonical) && Buffer.byteLength(canonical) <= (longest ?? Infinity));
        if (type !== "boolean" && type !== "json") assert.equal(outcome(canonical, parts), canonical);
      }
    });
  });
}

test("the longest form of a type is as long as the table says", () => {
  const longest: Readonly<Record<string, unknown>> = {
    integer: "-9223372036854775808",
    number: "1".repeat(1000),
    boolean: false,
    uuid: "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ip: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    email: `${"a".repeat(64)}@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`,
    date: "9999-12-31",
    timestamp: "9999-12-31T23:59:59.999999Z",
  };
  for (const type of columnTypes) {
    if (type === "text" || type === "json") assert.equal(canonicalForms[type].longest, null);
    else if (type !== "version") assert.equal(outcome(longest[type], { type })?.length, canonicalForms[type].longest, type);
  }
  const version = Array.from({ length: 4 }, () => "9".repeat(9)).join(".");
  assert.equal(outcome(version, { type: "version", as: "text" })?.length, canonicalForms.version.longest);
});

test("the version of the forms is the one that the tokens in databases were made with", () => {
  assert.equal(canonicalVersion, 1);
});
