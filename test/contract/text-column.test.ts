import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { TextColumn } from "../../src/contract/text-column.ts";

const texts = fc.array(fc.option(fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ maxLength: 100 }))), { maxLength: 50 });

test("a column gives back the texts and nulls it was made of", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const column = TextColumn.of(values);
      assert.deepEqual(column.texts(), values);
      assert.equal(column.count, values.length);
      assert.equal(column.hasNulls, values.includes(null));
    }),
  );
});

test("rows are selected in the order they are asked for", () => {
  fc.assert(
    fc.property(texts, fc.array(fc.nat()), (values, places) => {
      const rows = values.length === 0 ? [] : places.map((place) => place % values.length);
      const selected = TextColumn.of(values).select(rows);
      assert.deepEqual(
        selected.texts(),
        rows.map((row) => values[row] ?? null),
      );
    }),
  );
});

test("rows that are taken away are as if they had never been there", () => {
  fc.assert(
    fc.property(texts, fc.func(fc.boolean()), fc.nat(50), (values, goes, count) => {
      const column = TextColumn.of(values);
      column.drop(values.flatMap((_, row) => (goes(row) ? [row] : [])));
      const left = values.filter((_, row) => !goes(row));
      assert.deepEqual([column.texts(), column.hasNulls], [left, left.includes(null)]);
      const first = left.slice(0, count);
      column.truncate(first.length);
      column.add("next");
      assert.deepEqual([column.texts(), column.hasNulls], [[...first, "next"], first.includes(null)]);
      assert.equal(column.bytes.toString("hex", 0, column.usedBytes), bytesOf([...first, "next"]));
    }),
  );
});

test("nothing of a column that is cleared is left in its memory", () => {
  fc.assert(
    fc.property(texts, (values) => {
      const column = TextColumn.of(values);
      column.clear();
      assert.deepEqual([column.count, column.hasNulls, column.usedBytes], [0, false, 0]);
      assert.ok(column.bytes.subarray(0, bytesOf(values).length / 2).every((byte) => byte === 0));
    }),
  );
});

function bytesOf(values: readonly (string | null)[]): string {
  const column = TextColumn.of(values);
  return column.bytes.toString("hex", 0, column.usedBytes);
}

test("each text stands behind its length in four bytes, null is -1", () => {
  const column = TextColumn.of(["ab", null, "é".repeat(200)]);
  assert.equal(column.bytes.toString("hex", 0, column.ends[2]), "000000026162ffffffff");
  assert.equal(column.bytes.readInt32BE(column.ends[2]), 400);
});
