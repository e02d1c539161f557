import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { csvRecord } from "../../src/cli/csv.ts";

/** RFC 4180 section 2, read by its grammar, strictly. */
function readCsv(text: string): string[][] {
  const records: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const record: string[] = [];
    for (;;) {
      let field = "";
      if (text[at] === '"') {
        for (at += 1; ;) {
          const end = text.indexOf('"', at);
          assert.notEqual(end, -1, "an open quote");
          field += text.slice(at, end);
          at = end + 1;
          if (text[at] !== '"') break;
          field += '"';
          at += 1;
        }
      } else {
        const [plain = ""] = /^[^",\r\n]*/.exec(text.slice(at)) ?? [];
        field = plain;
        at += plain.length;
      }
      record.push(field);
      if (text[at] !== ",") break;
      at += 1;
    }
    assert.equal(text.slice(at, at + 2), "\r\n", "a record ends in CRLF");
    at += 2;
    records.push(record);
  }
  return records;
}

test("a reader of RFC 4180 gets back every field, but for the apostrophe before what looks like a formula", () => {
  const field = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom('"', ",", "\r", "\n", "=", "a", "'", " ") }),
  );
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 1 }), { minLength: 1 }), (records) => {
      const guarded = records.map((record) => record.map((text) => (/^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text)));
      assert.deepEqual(readCsv(records.map(csvRecord).join("")), guarded);
    }),
  );
});

test("fields that a spreadsheet would calculate are texts, in quotes too; numbers and missing values stay as they are", () => {
  const formulas = ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y")'];
  for (const formula of formulas) {
    const record = csvRecord([formula]);
    assert.deepEqual(readCsv(record), [[`'${formula}`]]);
    assert.match(record, /^"?'/);
  }
  assert.equal(csvRecord([-3, 0.5, null, "", "a-b", "AQAA_-x"]), "-3,0.5,,,a-b,AQAA_-x\r\n");
});
