import assert from "node:assert/strict";
import { createCipheriv } from "node:crypto";
import { test } from "node:test";

import { FF1 } from "@noble/ciphers/ff1.js";
import * as fc from "fast-check";

import { createFf1Cipher, longestNumerals, type NumeralColumn } from "../../../src/masks/ff1/cipher.ts";
import {
  largestModulus,
  largestWordModulus,
  remaindersByHalfWords,
  remaindersByWords,
} from "../../../src/masks/ff1/double-halves.ts";
import { readVectors, vectorsAbsent } from "../published-vectors.ts";

const bytes = (hex: string): Buffer => Buffer.from(hex, "hex");

function columnOf(strings: readonly (readonly number[])[]): NumeralColumn {
  const offsets = new Uint32Array(strings.length + 1);
  strings.forEach((string, i) => (offsets[i + 1] = (offsets[i] as number) + string.length));
  return { numerals: Uint16Array.from(strings.flat()), offsets };
}

function stringsOf({ numerals, offsets }: NumeralColumn): number[][] {
  return Array.from({ length: offsets.length - 1 }, (_, i) => [...numerals.subarray(offsets[i], offsets[i + 1])]);
}

interface Vector {
  readonly key: string;
  readonly radix: number;
  readonly tweak: string;
  readonly plain: readonly number[];
  readonly encrypted: readonly number[];
}

/** Both directions, alone and among strings of other lengths. */
function checkVectors(vectors: readonly Vector[]): void {
  const { key, radix, tweak } = vectors[0] as Vector;
  const cipher = createFf1Cipher(bytes(key), radix, bytes(tweak));
  for (const { plain, encrypted } of vectors) {
    assert.deepEqual(stringsOf(cipher.encrypt(columnOf([plain]))), [encrypted]);
    assert.deepEqual(stringsOf(cipher.decrypt(columnOf([encrypted]))), [plain]);
  }
  // 20, 30 and 80 numerals: in doubles, in big integers, and longer than one block.
  const others = [20, 30, 80].map((length) => Array.from({ length }, (_, i) => (i * 7) % radix));
  const between = <T>(strings: readonly T[]): (T | number[])[] =>
    strings.flatMap((string, i) => [string, others[i % 3] as number[]]);
  const plains = between(vectors.map(({ plain }) => plain));
  const encrypted = stringsOf(cipher.encrypt(columnOf(plains)));
  assert.deepEqual(
    encrypted.filter((_, i) => i % 2 === 0),
    vectors.map((vector) => vector.encrypted),
  );
  assert.deepEqual(stringsOf(cipher.decrypt(columnOf(encrypted))), plains);
}

function ofText(text: string): number[] {
  return Array.from(text, (digit) => Number.parseInt(digit, 36));
}

const key256 = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
test("agrees with NIST's FF1 samples 1, 3, 5 and 9", () => {
  // source: FF1samples.pdf, NIST
  const samples = [
    { length: 32, radix: 10, tweak: "", plain: "0123456789", encrypted: "2433477484" },
    { length: 32, radix: 36, tweak: "3737373770717273373737", plain: "0123456789abcdefghi", encrypted: "a9tv40mll9kdu509eum" },
    { length: 48, radix: 10, tweak: "39383736353433323130", plain: "0123456789", encrypted: "2496655549" },
    { length: 64, radix: 36, tweak: "3737373770717273373737", plain: "0123456789abcdefghi", encrypted: "xs8a0azh2avyalyzuwd" },
  ];
  for (const { length, radix, tweak, plain, encrypted } of samples) {
    checkVectors([{ key: key256.slice(0, length), radix, tweak, plain: ofText(plain), encrypted: ofText(encrypted) }]);
  }
});

const nist = "nist-ff1/ff1_samples.json";
test("agrees with all of NIST's FF1 samples", { skip: vectorsAbsent(nist) }, () => {
  const { vectors } = readVectors(nist) as {
    vectors: { key: string; radix: number; tweak: string; plaintext: string; ciphertext: string }[];
  };
  assert.equal(vectors.length, 9);
  for (const { plaintext, ciphertext, ...vector } of vectors) {
    checkVectors([{ ...vector, plain: ofText(plaintext), encrypted: ofText(ciphertext) }]);
  }
});

interface Wycheproof {
  readonly testGroups: readonly { readonly radix: number; readonly tests: readonly WycheproofTest[] }[];
}
interface WycheproofTest {
  readonly tcId: number;
  readonly key: string;
  readonly tweak: string;
  readonly msg: readonly number[];
  readonly ct: readonly number[];
  readonly result: "valid" | "invalid";
}

for (const [radix, valid, invalid] of [
  [10, 3_312, 533],
  [36, 2_465, 389],
] as const) {
  const wycheproof = `wycheproof/aes_ff1_radix${radix}_test.json`;
  test(
    `agrees with all valid Wycheproof vectors of radix ${radix} and refuses all invalid ones`,
    { skip: vectorsAbsent(wycheproof) },
    () => {
      const tests = (readVectors(wycheproof) as Wycheproof).testGroups.flatMap((group) => {
        assert.equal(group.radix, radix);
        return group.tests;
      });
      const byKey = Map.groupBy(
        tests.filter(({ result }) => result === "valid"),
        ({ key, tweak }) => `${key} ${tweak}`,
      );
      let checked = 0;
      for (const sameKey of byKey.values()) {
        checkVectors(sameKey.map(({ key, tweak, msg, ct }) => ({ key, radix, tweak, plain: msg, encrypted: ct })));
        checked += sameKey.length;
      }
      assert.equal(checked, valid);
      const refused = tests.filter(({ result }) => result === "invalid");
      assert.equal(refused.length, invalid);
      for (const { tcId, key, tweak, msg } of refused) {
        const encrypt = (): unknown => createFf1Cipher(bytes(key), radix, bytes(tweak)).encrypt(columnOf([msg]));
        assert.throws(encrypt, { code: "internal" }, `tcId ${tcId}`);
      }
    },
  );
}

/** Radixes and lengths on both sides of every border: of doubles (2^21, 2^37), of blocks, of the shortest strings. */
const batches = fc
  .tuple(
    // 49, 98 and 103 times their inverses are less than 1 in doubles.
    fc.oneof(fc.constantFrom(2, 10, 16, 26, 36, 49, 62, 98, 103, 128, 255, 256, 257, 65_535), fc.integer({ min: 2, max: 65_535 })),
    fc.constantFrom(16, 24, 32).chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    fc.uint8Array({ maxLength: 40 }),
  )
  .chain(([radix, key, tweak]) => {
    const shortest = Math.max(2, Math.ceil(Math.log(100) / Math.log(radix)));
    const numeral = fc.oneof({ weight: 5, arbitrary: fc.nat(radix - 1) }, fc.constantFrom(0, radix - 1));
    return fc.record({
      radix: fc.constant(radix),
      key: fc.constant(key),
      tweak: fc.constant(tweak),
      strings: fc.array(
        fc.integer({ min: shortest, max: 90 }).chain((length) => fc.array(numeral, { minLength: length, maxLength: length })),
        { maxLength: 12 },
      ),
    });
  });

test("encrypts batches of mixed lengths as another implementation encrypts each string, and decrypts them", () => {
  fc.assert(
    fc.property(batches, ({ radix, key, tweak, strings }) => {
      const cipher = createFf1Cipher(key, radix, tweak);
      const encrypted = cipher.encrypt(columnOf(strings));
      const other = FF1(radix, key, tweak);
      assert.deepEqual(
        stringsOf(encrypted),
        strings.map((string) => other.encrypt([...string])),
      );
      assert.deepEqual(stringsOf(cipher.decrypt(encrypted)), strings);
    }),
    { numRuns: 300 },
  );
});

/** Algorithm 7 step by step, for the one radix that the other implementation does not take. */
function encryptByTheBook(key: Buffer, radix: number, tweak: Buffer, numerals: readonly number[]): number[] {
  const left = Math.floor(numerals.length / 2);
  const number = (part: readonly number[]): bigint => part.reduce((sum, numeral) => sum * BigInt(radix) + BigInt(numeral), 0n);
  const hex = (value: bigint | number, length: number): string => value.toString(16).padStart(2 * length, "0");
  const b = Math.ceil(Math.ceil((numerals.length - left) * Math.log2(radix)) / 8);
  const d = 4 * Math.ceil(b / 4) + 4;
  const p = `010201${hex(radix, 3)}0a${hex(left % 256, 1)}${hex(numerals.length, 4)}${hex(tweak.length, 4)}`;
  let [one, other] = [numerals.slice(0, left), numerals.slice(left)];
  for (let round = 0; round < 10; round += 1) {
    const tail = `${hex(round, 1)}${hex(number(other), b)}`;
    const zeros = (((-tweak.length - b - 1) % 16) + 16) % 16;
    const chained = createCipheriv("aes-256-cbc", key, Buffer.alloc(16)).update(
      p + tweak.toString("hex") + "00".repeat(zeros) + tail,
      "hex",
    );
    const output = BigInt(`0x${chained.subarray(-16).toString("hex", 0, d)}`);
    let changed = (number(one) + output) % BigInt(radix) ** BigInt(one.length);
    const digits = one.map(() => {
      const digit = Number(changed % BigInt(radix));
      changed /= BigInt(radix);
      return digit;
    });
    [one, other] = [other, digits.toReversed()];
  }
  return [...one, ...other];
}

test("takes the radix 2^16 as well", () => {
  const key = Buffer.alloc(32, 7);
  const cipher = createFf1Cipher(key, 65_536, Buffer.from("tweak"));
  for (const string of [
    [65_535, 0, 1, 40_000],
    [0, 0],
    [65_535, 65_535, 65_535, 65_535, 65_535, 65_535, 1],
  ]) {
    const encrypted = cipher.encrypt(columnOf([string]));
    assert.deepEqual(stringsOf(encrypted), [encryptByTheBook(key, 65_536, Buffer.from("tweak"), string)]);
    assert.deepEqual(stringsOf(cipher.decrypt(encrypted)), [string]);
  }
});

/** Blocks whose last division is the largest there is, of every multiple of the modulus, its predecessor and its successor. */
function hardestBlocks(modulus: number, bits: 16 | 32): bigint[] {
  const [m, top] = [BigInt(modulus), BigInt(modulus - 1) << BigInt(bits)];
  const first = (top / m) * m;
  return Array.from({ length: 1_000 }, (_, i) => first + BigInt(i >> 1) * m + (i % 2 === 0 ? -1n : 0n)).filter(
    (value) => value >= top && value < m << BigInt(bits),
  );
}

test("remainders are exact up to the largest moduli that doubles are used for", () => {
  const near = (limit: number): number[] => Array.from({ length: 200 }, (_, i) => limit - 1 - i * i * 3);
  for (const [moduli, bits, remaindersBy] of [
    [near(largestWordModulus), 32, remaindersByWords],
    [[...near(largestModulus), ...near(largestWordModulus + 600_000)], 16, remaindersByHalfWords],
  ] as const) {
    for (const modulus of moduli) {
      const values = hardestBlocks(modulus, bits);
      const blocks = Buffer.alloc(values.length * 16);
      values.forEach((value, i) => blocks.writeBigUInt64BE(value, i * 16));
      const remainders = new Float64Array(values.length);
      remaindersBy(new DataView(blocks.buffer, blocks.byteOffset, blocks.length), 8, modulus, remainders);
      assert.deepEqual(
        [...remainders],
        values.map((value) => Number(value % BigInt(modulus))),
      );
    }
  }
});

test("refuses what SP 800-38G does not have, and what is no identifier any more", () => {
  const key = Buffer.alloc(32);
  const tweak = Buffer.alloc(0);
  for (const length of [0, 8, 15, 31, 33])
    assert.throws(() => createFf1Cipher(Buffer.alloc(length), 10, tweak), { code: "internal" });
  for (const radix of [0, 1, 1.5, 65_537]) assert.throws(() => createFf1Cipher(key, radix, tweak), { code: "internal" });
  const cipher = createFf1Cipher(key, 10, tweak);
  for (const string of [[], [1], [1, 10], Array.from({ length: longestNumerals + 1 }, () => 1)]) {
    assert.throws(() => cipher.encrypt(columnOf([[1, 2, 3], string])), { code: "internal" });
    assert.throws(() => cipher.decrypt(columnOf([[1, 2, 3], string])), { code: "internal" });
  }
  const longest = columnOf([Array.from({ length: longestNumerals }, () => 1)]);
  assert.deepEqual(stringsOf(cipher.decrypt(cipher.encrypt(longest))), stringsOf(longest));
});
