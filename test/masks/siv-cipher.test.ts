import assert from "node:assert/strict";
import { test } from "node:test";

import { aessiv } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { bytesAt, joinBytes } from "../../src/masks/byte-column.ts";
import { primitives } from "../../src/masks/self-test.ts";
import { createSivCipher, type SealedColumn } from "../../src/masks/siv-cipher.ts";
import { among } from "./among.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";

const { sealSiv, openSiv } = primitives;
const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");
const sealedAt = ({ sivs, ciphertexts }: SealedColumn, index: number): Buffer =>
  Buffer.concat([sivs.subarray(index * 16, index * 16 + 16), bytesAt(ciphertexts, index)]);

/** A value sealed, in hex: alone, and in every place among others. */
function sealEverywhere(key: Uint8Array, associated: Uint8Array, value: Uint8Array): string {
  const alone = Buffer.from(sealSiv(key, associated, value)).toString("hex");
  const cipher = createSivCipher(key, associated);
  for (const { column, place } of among(value)) {
    assert.equal(sealedAt(cipher.seal(joinBytes(column)), place).toString("hex"), alone);
  }
  return alone;
}

/** What is opened, in hex, or null: alone, and in every place among others, which all open whatever it is. */
function openEverywhere(key: Uint8Array, associated: Uint8Array, sealed: Uint8Array): string | null {
  const opened = openSiv(key, associated, sealed);
  const alone = opened === null ? null : Buffer.from(opened).toString("hex");
  const cipher = createSivCipher(key, associated);
  for (const { column, place } of among(sealed.subarray(16))) {
    const all = column.map((value, index) =>
      index === place ? Buffer.from(sealed) : sealedAt(cipher.seal(joinBytes([value])), 0),
    );
    const { plaintexts, authentic } = cipher.open({
      sivs: Buffer.concat(all.map((each) => each.subarray(0, 16))),
      ciphertexts: joinBytes(all.map((each) => each.subarray(16))),
    });
    column.forEach((value, index) => {
      assert.equal(authentic[index], index === place ? alone !== null : true);
      if (index !== place) assert.deepEqual(bytesAt(plaintexts, index), Buffer.from(value));
    });
    if (alone !== null) assert.equal(bytesAt(plaintexts, place).toString("hex"), alone);
  }
  return alone;
}

/** Lengths on both sides of every border between blocks. */
const plaintexts = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.constantFrom(0, 1, 15, 16, 17, 31, 32, 33, 48).map((length) => new Uint8Array(length).fill(7)),
  ),
  { maxLength: 60 },
);
const key64 = fc.uint8Array({ minLength: 64, maxLength: 64 });

test("seals columns of mixed lengths as another implementation seals each value", () => {
  fc.assert(
    fc.property(key64, fc.uint8Array({ maxLength: 40 }), plaintexts, (key, associated, values) => {
      const sealed = createSivCipher(key, associated).seal(joinBytes(values));
      values.forEach((value, index) => {
        assert.deepEqual(sealedAt(sealed, index), Buffer.from(aessiv(key, associated).encrypt(value)));
      });
    }),
    { numRuns: 200 },
  );
});

test("opens what it sealed, and only that, whatever its neighbours are", () => {
  fc.assert(
    fc.property(key64, plaintexts, fc.nat(), fc.nat(), (key, values, which, where) => {
      const cipher = createSivCipher(key, Buffer.from("domain"));
      const sealed = cipher.seal(joinBytes(values));
      const forged = values.length === 0 ? -1 : which % values.length;
      if (forged >= 0) {
        const at = forged * 16 + (where % 16);
        sealed.sivs[at] = (sealed.sivs[at] as number) ^ 0x40;
      }
      const { plaintexts: opened, authentic } = cipher.open(sealed);
      values.forEach((value, index) => {
        assert.equal(authentic[index], index !== forged);
        if (index !== forged) assert.deepEqual(bytesAt(opened, index), Buffer.from(value));
      });
    }),
    { numRuns: 200 },
  );
});

test("a cipher keeps nothing of one column for the next, however long it was", () => {
  const cipher = createSivCipher(new Uint8Array(64).fill(1), Buffer.from("domain"));
  const short = ["a", "", "203.0.113.77"].map((text) => Buffer.from(text));
  const before = short.map((_, index) => sealedAt(cipher.seal(joinBytes(short)), index));
  cipher.seal(
    joinBytes([new Uint8Array(1 << 20).fill(0xff), ...Array.from({ length: 5000 }, () => new Uint8Array(33).fill(0xff))]),
  );
  assert.deepEqual(
    short.map((_, index) => sealedAt(cipher.seal(joinBytes(short)), index)),
    before,
  );
});

test("refuses keys of a length RFC 5297 does not have", () => {
  for (const length of [0, 16, 31, 33, 63, 65, 128]) {
    assert.throws(() => createSivCipher(new Uint8Array(length), new Uint8Array()), { code: "internal" });
  }
});

const rfc5297 = "rfc5297/rfc5297_appendix_a.json";
test("agrees with RFC 5297, appendix A", { skip: vectorsAbsent(rfc5297) }, () => {
  const { vectors } = readVectors(rfc5297) as { vectors: { key: string; ad: string[]; plaintext: string; output: string }[] };
  // A.2 has three associated data; a mask has one, its domain.
  const withOneDatum = vectors.filter(({ ad }) => ad.length === 1);
  assert.ok(withOneDatum.length > 0);
  for (const { key, ad, plaintext, output } of withOneDatum) {
    const [datum = ""] = ad;
    assert.equal(sealEverywhere(bytes(key), bytes(datum), bytes(plaintext)), output);
    assert.equal(openEverywhere(bytes(key), bytes(datum), bytes(output)), plaintext);
  }
});

interface Wycheproof {
  readonly testGroups: readonly { readonly tests: readonly WycheproofTest[] }[];
}
interface WycheproofTest {
  readonly tcId: number;
  readonly key: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly result: "valid" | "invalid";
}

const wycheproof = "wycheproof/aes_siv_cmac_test.json";
test(
  "agrees with all valid Wycheproof vectors and refuses all invalid ones, each alone and among others",
  { skip: vectorsAbsent(wycheproof) },
  () => {
    const tests = (readVectors(wycheproof) as Wycheproof).testGroups.flatMap((group) => group.tests);
    assert.equal(tests.length, 442);
    for (const { tcId, key, aad, msg, ct, result } of tests) {
      const opened = openEverywhere(bytes(key), bytes(aad), bytes(ct));
      assert.equal(opened, result === "valid" ? msg : null, `tcId ${tcId}`);
      assert.equal(sealEverywhere(bytes(key), bytes(aad), bytes(msg)) === ct, result === "valid", `tcId ${tcId}`);
    }
  },
);

const tink = "tink/aes_siv_test_vectors.json";
test("agrees with Tink", { skip: vectorsAbsent(tink) }, () => {
  interface TinkVector {
    readonly variant: string;
    readonly key: string;
    readonly plaintext: string;
    readonly aad: string;
    readonly ciphertext: string;
  }
  const { vectors } = readVectors(tink) as { vectors: readonly TinkVector[] };
  const tagLengths: Readonly<Record<string, number>> = { NO_PREFIX: 0, TINK: 5, CRUNCHY: 5 };
  for (const { variant, key, plaintext, aad, ciphertext } of vectors) {
    const sealed = ciphertext.slice((tagLengths[variant] ?? Number.NaN) * 2);
    assert.equal(sealEverywhere(bytes(key), bytes(aad), bytes(plaintext)), sealed);
    assert.equal(openEverywhere(bytes(key), bytes(aad), bytes(sealed)), plaintext);
  }
});
