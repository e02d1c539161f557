import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { suite, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { hasGrown, inspectFile } from "../../../src/sources/files/input-file.ts";
import { folderOf, given } from "./given.ts";

const mebibyte = 1_048_576;

suite("a file to be loaded", () => {
  test("is known by its size, its first and its last MiB, and not by its name", async (t) => {
    const folder = folderOf(t);
    const bytes = Buffer.alloc(3 * mebibyte, "abcdefg\n");
    const size = Buffer.alloc(8);
    size.writeBigUInt64BE(BigInt(bytes.length));
    const expected = createHash("sha256")
      .update(size)
      .update(bytes.subarray(0, mebibyte))
      .update(bytes.subarray(2 * mebibyte))
      .digest("hex");
    const file = await given(folder, "one", bytes);
    assert.equal(file.fingerprint, expected);
    assert.equal((await given(folder, "two", bytes)).fingerprint, expected);
    for (const place of [0, mebibyte - 1, 2 * mebibyte, bytes.length - 1]) {
      const other = Buffer.from(bytes);
      other[place] = 0x58;
      assert.notEqual((await given(folder, "other", other)).fingerprint, expected, `byte ${place}`);
    }
    assert.notEqual((await given(folder, "longer", Buffer.concat([bytes, Buffer.from("\n")]))).fingerprint, expected);
  });

  test("has grown when what it was is its beginning", async (t) => {
    const folder = folderOf(t);
    const before = await given(folder, "log", "{}\n{}\n");
    assert.equal(await hasGrown(await given(folder, "log", "{}\n{}\n{}\n"), before), true);
    assert.equal(await hasGrown(await given(folder, "log", "{}\n[]\n{}\n"), before), false);
    assert.equal(await hasGrown(await given(folder, "log", "{}\n"), before), false);
  });

  test("is told plain, gzip and zstd by what it holds, whatever its name says nothing of", async (t) => {
    const folder = folderOf(t);
    const text = Buffer.from("{}\n");
    const skippable = Buffer.from("502a4d1800000000", "hex");
    const kinds = [
      ["a.ndjson", text, "plain"],
      ["a", gzipSync(text), "gzip"],
      ["a.json", zstdCompressSync(text), "zstd"],
      ["a.GZ", gzipSync(text), "gzip"],
      ["a.zst", Buffer.concat([skippable, zstdCompressSync(text)]), "zstd"],
      ["empty", Buffer.alloc(0), "plain"],
    ] as const;
    for (const [name, bytes, kind] of kinds) assert.equal((await given(folder, name, bytes)).kind, kind, name);
  });

  test("that is none is refused before anything is read of it, with what to do", async (t) => {
    const folder = folderOf(t);
    mkdirSync(path.join(folder, "folder"));
    const text = Buffer.from("{}\n");
    const wrong: readonly (readonly [string, Buffer | null, RegExp])[] = [
      ["missing", null, /^missing is not there$/],
      ["folder", null, /^folder is no regular file$/],
      ["plain.gz", text, /^plain\.gz is not gzip, as its name says$/],
      ["other.gz", zstdCompressSync(text), /^other\.gz is not gzip/],
      ["a.csv", text, /CSV is not read yet/],
      ["a.csv.gz", gzipSync(text), /CSV is not read yet/],
      ["a.bz2", Buffer.from("BZh91AY"), /is no NDJSON/],
      ["a.parquet", Buffer.from("PAR1...."), /is no NDJSON/],
    ];
    for (const [name, bytes, message] of wrong) {
      if (bytes !== null) writeFileSync(path.join(folder, name), bytes);
      await assert.rejects(inspectFile(path.join(folder, name)), (error: Error & { code?: string; next?: string }) => {
        assert.equal(error.code, "file_unreadable");
        assert.match(error.message, message);
        assert.ok(!error.message.includes(folder) && error.next !== undefined);
        return true;
      });
    }
  });
});
