import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createRowLines } from "../../src/app/row-lines.ts";
import { TextColumn } from "../../src/contract/text-column.ts";
import { column } from "../contract/contracts.ts";

const columns = [column("id"), column('a "name"\n é'), column("n", { type: "integer" }), column("details", { type: "json" })];
const lines = createRowLines(columns.map((each) => ({ column: each, mask: null })));

const special = fc.constantFrom(
  '"',
  "\\",
  "\n",
  "\u0000",
  "\u001f",
  " ",
  "\u007f",
  "é",
  "\u2028",
  "😀",
  "a",
  "!",
  "[",
  "]",
  "#",
  "\t",
);
const texts = fc.option(
  fc.oneof(
    fc.array(special, { maxLength: 30 }).map((all) => all.join("")),
    fc.string({ unit: "grapheme" }),
    fc.uuid(),
  ),
);
const rows = fc.array(fc.tuple(texts, texts, fc.option(fc.integer()), fc.option(fc.json())), { maxLength: 20 });

test("rows become lines that read as what they hold, each text as JSON writes it", () => {
  fc.assert(
    fc.property(rows, (all) => {
      const written = columns.map((_, place) => TextColumn.of(all.map((row) => (row[place] === null ? null : String(row[place])))));
      const expected = all.map(([id, name, n, details]) => {
        const members = [JSON.stringify(id), JSON.stringify(name), String(n), String(details)];
        return `{${members.map((member, place) => `${JSON.stringify(columns[place]?.name)}:${member}`).join(",")}}\n`;
      });
      assert.equal(lines.write(written).toString(), expected.join(""));
    }),
    { numRuns: 2_000 },
  );
});

test("a batch of texts that all need escapes is written whole", () => {
  const control = "\u0001".repeat(5_000);
  const written = columns.map((_, place) => TextColumn.of(Array.from({ length: 50 }, () => (place < 2 ? control : null))));
  const read = lines
    .write(written)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  assert.equal(read.length, 50);
  for (const row of read) assert.deepEqual(row, { id: control, 'a "name"\n é': control, n: null, details: null });
});
