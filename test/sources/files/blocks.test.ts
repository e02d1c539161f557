import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import fc from "fast-check";

import type { Advance } from "../../../src/pipeline/ports.ts";
import { MemoryPositions } from "../../harness/memory-positions.ts";
import { folderOf, given, loadAll, openFiles, reading, type ReadLine } from "./given.ts";

/** Several members, as `cat a.gz b.gz` and parallel packers make them. */
function packed(pack: (bytes: Buffer) => Buffer, bytes: Buffer, cuts: readonly number[]): Buffer {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((one, other) => one - other), bytes.length];
  return Buffer.concat(places.slice(1).map((end, index) => pack(bytes.subarray(places[index], end))));
}

const packings: Readonly<Record<string, (bytes: Buffer, cuts: readonly number[]) => Buffer>> = {
  "": (bytes) => bytes,
  ".gz": (bytes, cuts) => packed(gzipSync, bytes, cuts),
  ".zst": (bytes, cuts) => packed(zstdCompressSync, bytes, cuts),
};

/** What is to come of a file, by another way: from the whole text. */
function expected(text: string): readonly Omit<ReadLine, "attempt">[] {
  let at = 0;
  const lines = text.split("\n").map((line) => {
    const offset = at;
    at += Buffer.byteLength(line) + 1;
    return { offset, body: line.endsWith("\r") ? line.slice(0, -1) : line };
  });
  // eslint-disable-next-line no-control-regex
  return lines.filter(({ body }) => !/^[\u0000-\u0020]*$/.test(body)).map(({ offset, body }) => ({ id: String(offset), body }));
}

function found(lines: readonly ReadLine[]): readonly Omit<ReadLine, "attempt">[] {
  const byOffset = lines.map(({ id, body }) => ({ id: id.split(":")[1] ?? "", body }));
  return byOffset.sort((one, other) => Number(one.id) - Number(other.id));
}

const line = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: fc.constantFrom("a", "é", "日", "{", '"', " "), maxLength: 12 }) },
  { weight: 2, arbitrary: fc.constantFrom("", " ", "\t", "\r") },
  { weight: 1, arbitrary: fc.integer({ min: 20, max: 400 }).map((length) => "x".repeat(length)) },
);
const texts = fc
  .tuple(fc.array(line, { maxLength: 30 }), fc.constantFrom("\n", "\r\n"), fc.boolean())
  .map(([lines, end, ends]) => lines.join(end) + (ends ? end : ""));

suite("lines in blocks", () => {
  for (const [extension, pack] of Object.entries(packings)) {
    test(`whatever the blocks and batches, every line comes once: ${extension || "plain"}`, async (t) => {
      const folder = folderOf(t);
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          texts,
          fc.integer({ min: 1, max: 90 }),
          fc.integer({ min: 1, max: 7 }),
          fc.integer({ min: 1, max: 60 }),
          fc.array(fc.nat(), { maxLength: 3 }),
          async (text, blockBytes, limit, batchBytes, cuts) => {
            round += 1;
            const bytes = Buffer.from(text);
            const file = await given(folder, `${round}.ndjson${extension}`, pack(bytes, cuts), blockBytes);
            const opened = openFiles([file], { batchBytes });
            assert.deepEqual(found(await loadAll(opened, limit)), expected(text));
            assert.ok(opened.source.isWhole);
            const blocks = Math.ceil(bytes.length / blockBytes);
            assert.deepEqual(
              [...opened.positions.next.values()],
              Array.from({ length: blocks }, () => blockBytes),
              "every block is done",
            );
            assert.equal(opened.positions.blocks.get(file.fingerprint) ?? blocks, blocks);
            assert.deepEqual(await loadAll(openFiles([file], { positions: opened.positions })), [], "nothing comes again");
          },
        ),
        { numRuns: extension === "" ? 300 : 80 },
      );
    });

    test(`stopped after any batch, another goes on where it was: ${extension || "plain"}`, async (t) => {
      const folder = folderOf(t);
      let round = 0;
      await fc.assert(
        fc.asyncProperty(
          texts,
          fc.integer({ min: 1, max: 60 }),
          fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 6 }),
          async (text, blockBytes, stops) => {
            round += 1;
            const file = await given(folder, `${round}.ndjson${extension}`, pack(Buffer.from(text), []), blockBytes);
            let elapsedMs = 0;
            // each of them died long before the next began
            const positions = new MemoryPositions(() => (elapsedMs += 10_000));
            const lines: ReadLine[] = [];
            for (const batches of [...stops, Infinity]) {
              let left = batches;
              const opened = openFiles([file], { positions });
              const killed = new Error("killed");
              const makeStep = (step: Advance): boolean => {
                if (left-- > 0) return positions.move(step);
                throw killed;
              };
              await loadAll(opened, 2, makeStep, lines).catch((error: unknown) => assert.equal(error, killed));
              await opened.source.close();
            }
            assert.deepEqual(found(lines), expected(text));
          },
        ),
        { numRuns: extension === "" ? 60 : 20 },
      );
    });
  }

  test("a line that is too long comes with its beginning, wherever it ends, and its neighbours come whole", async (t) => {
    const folder = folderOf(t);
    const long = "y".repeat(500_000);
    const text = `{"a":1}\n${long}\n{"b":2}\n`;
    for (const [extension, pack] of Object.entries(packings)) {
      for (const blockBytes of [4_096, 300_000, 1_000_000]) {
        const file = await given(folder, `long${blockBytes}.ndjson${extension}`, pack(Buffer.from(text), []), blockBytes);
        const opened = openFiles([file], { reading: { ...reading, mostBytes: 1_000 } });
        const lines = [...(await loadAll(opened))].map(({ body }) => body).sort();
        assert.deepEqual(lines, [long.slice(0, 1_000), '{"a":1}', '{"b":2}'].sort(), `${extension} ${blockBytes}`);
      }
    }
  });

  test("the mark at the start of a file is no part of its first line", async (t) => {
    const folder = folderOf(t);
    for (const [extension, pack] of Object.entries(packings)) {
      const file = await given(folder, `mark${extension}`, pack(Buffer.from('\uFEFF{"a":1}\n{"b":2}'), []), 8);
      assert.deepEqual(found(await loadAll(openFiles([file]))), [
        { id: "3", body: '{"a":1}' },
        { id: "11", body: '{"b":2}' },
      ]);
    }
  });

  test("bytes that are no text keep every byte, and are told from text", async (t) => {
    const folder = folderOf(t);
    const file = await given(
      folder,
      "bytes",
      Buffer.concat([Buffer.from('{"a":"é"}\n'), Buffer.from([0xff, 0xc3, 0x0a]), Buffer.from("{}\n")]),
    );
    const lines = await loadAll(openFiles([file]));
    assert.deepEqual(
      lines.map(({ body }) => body),
      ['{"a":"é"}', "\u00FF\u00C3", "{}"],
    );
  });

  test("a damaged or cut file fails, and what came before stays loaded", async (t) => {
    const folder = folderOf(t);
    const text = Buffer.from(Array.from({ length: 5_000 }, (_, n) => `{"n":${Math.sin(n)}}\n`).join(""));
    for (const extension of [".gz", ".zst"]) {
      const whole = packings[extension]?.(text, [20_000, 50_000]) ?? Buffer.alloc(0);
      const broken = Buffer.from(whole);
      broken.fill(0x55, broken.length - 9_000, broken.length - 8_000);
      for (const bytes of [whole.subarray(0, -5), broken, Buffer.concat([whole, Buffer.from("garbage")])]) {
        const file = await given(folder, `damaged${extension}`, bytes, 1_000);
        await assert.rejects(loadAll(openFiles([file])), {
          code: "file_damaged",
          message: new RegExp(`^damaged${extension} is damaged`),
        });
      }
    }
  });
});
