import assert from "node:assert/strict";
import { test } from "node:test";

import { aessiv } from "@noble/ciphers/aes.js";
import * as fc from "fast-check";

import { bytesAt, joinBytes } from "../../src/masks/byte-column.ts";
import { primitives } from "../../src/masks/self-test.ts";
import { createSivCipher } from "../../src/masks/siv-cipher.ts";
import { readVectors, vectorsAbsent } from "./published-vectors.ts";

const { sealSiv, openSiv } = primitives;
const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

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
      const { sivs, ciphertexts } = createSivCipher(key, associated).seal(joinBytes(values));
      values.forEach((value, index) => {
        const sealed = Buffer.concat([sivs.subarray(index * 16, index * 16 + 16), bytesAt(ciphertexts, index)]);
        assert.deepEqual(sealed, Buffer.from(aessiv(key, associated).encrypt(value)));
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
    assert.equal(Buffer.from(sealSiv(bytes(key), bytes(datum), bytes(plaintext))).toString("hex"), output);
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
test("agrees with all valid Wycheproof vectors and refuses all invalid ones", { skip: vectorsAbsent(wycheproof) }, () => {
  const tests = (readVectors(wycheproof) as Wycheproof).testGroups.flatMap((group) => group.tests);
  assert.equal(tests.length, 442);
  for (const { tcId, key, aad, msg, ct, result } of tests) {
    const opened = openSiv(bytes(key), bytes(aad), bytes(ct));
    assert.equal(opened === null ? null : Buffer.from(opened).toString("hex"), result === "valid" ? msg : null, `tcId ${tcId}`);
    const sealed = Buffer.from(sealSiv(bytes(key), bytes(aad), bytes(msg))).toString("hex");
    assert.equal(sealed === ct, result === "valid", `tcId ${tcId}`);
  }
});

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
    const sealed = Buffer.from(sealSiv(bytes(key), bytes(aad), bytes(plaintext))).toString("hex");
    assert.equal(sealed, ciphertext.slice((tagLengths[variant] ?? Number.NaN) * 2));
  }
});
