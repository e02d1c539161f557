import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { readLines, textReader } from "../../src/app/lines.ts";

async function* chunks(bytes: Buffer, cuts: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const cut of [...cuts.filter((at) => at < bytes.length).sort((left, right) => left - right), bytes.length]) {
    if (cut > start) yield Promise.resolve(bytes.subarray(start, cut));
    start = Math.max(start, cut);
  }
}

interface Line {
  readonly number: number;
  /** null for a line that cannot be read. */
  readonly text: string | null;
}

async function linesOf(bytes: Buffer, cuts: readonly number[] = [], maxBytes = 1_000): Promise<readonly Line[]> {
  const found: Line[] = [];
  for await (const lines of readLines(chunks(bytes, cuts), maxBytes)) {
    const textAt = textReader(lines);
    const texts = lines.numbers.map((number, index) => ({ number, text: textAt(index) }));
    found.push(
      ...[...texts, ...lines.unreadable.map((number) => ({ number, text: null }))].sort((one, other) => one.number - other.number),
    );
  }
  return found;
}

test("a stream gives the same lines however it is cut", async () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom("a", "ä", "😀", " ", "{", '"') })).map((lines) => lines.join("\n"));
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(60)), async (whole, cuts) => {
      const expected = whole.split("\n").flatMap((line, index) => (line.trim() === "" ? [] : [{ number: index + 1, text: line }]));
      assert.deepEqual(await linesOf(Buffer.from(whole), cuts), expected);
    }),
  );
});

test("a line that is too long or no UTF-8 is named and not kept, and its neighbours stand", async () => {
  const bytes = Buffer.concat([
    Buffer.from("one\n"),
    Buffer.alloc(30, "x"),
    Buffer.from("\n\n"),
    Buffer.from([0xff, 0xfe, 0x0a]),
    Buffer.from("five"),
  ]);
  for (const cuts of [[], [6], [10, 20, 30], [34, 35, 36]]) {
    assert.deepEqual(await linesOf(bytes, cuts, 10), [
      { number: 1, text: "one" },
      { number: 2, text: null },
      { number: 4, text: null },
      { number: 5, text: "five" },
    ]);
  }
});

test("a byte order mark at the start is no part of the first line, and stays anywhere else", async () => {
  assert.deepEqual(await linesOf(Buffer.from("\uFEFF{}\n\uFEFF{}")), [
    { number: 1, text: "{}" },
    { number: 2, text: "\uFEFF{}" },
  ]);
});
