import { hkdfSync } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { createBlockFunction } from "./aes-block.ts";
import { bytesAt, joinBytes } from "./byte-column.ts";
import { createCmac } from "./cmac.ts";
import { createFf1Cipher, type NumeralColumn } from "./ff1/cipher.ts";
import { hmacSha256 } from "./hmac.ts";
import { createIpcryptPrefixCipher } from "./ipcrypt-prefix-cipher.ts";
import { createIpcryptCipher } from "./ipcrypt.ts";
import { sha256Hex } from "./sha256.ts";
import { createSivCipher, sivLengthBytes } from "./siv-cipher.ts";

/** What the masks are built from, one value at a time. */
export interface Primitives {
  /** Synthetic IV and ciphertext. */
  readonly sealSiv: (key: Uint8Array, associated: Uint8Array, plaintext: Uint8Array) => Uint8Array;
  /** null when not authentic. */
  readonly openSiv: (key: Uint8Array, associated: Uint8Array, sealed: Uint8Array) => Uint8Array | null;
  readonly hmacSha256: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  readonly hkdfSha256: (root: Uint8Array, salt: Uint8Array, info: Uint8Array, lengthBytes: number) => Uint8Array;
  readonly sha256Hex: (data: Uint8Array) => string;
  readonly aesCmac: (key: Uint8Array, data: Uint8Array) => Uint8Array;
  /** Numerals as digits and lower-case letters. */
  readonly encryptFf1: Ff1Primitive;
  readonly decryptFf1: Ff1Primitive;
  readonly encryptIpcrypt: AddressPrimitive;
  readonly decryptIpcrypt: AddressPrimitive;
  readonly encryptIpcryptPrefix: AddressPrimitive;
  readonly decryptIpcryptPrefix: AddressPrimitive;
}

type Ff1Primitive = (key: Uint8Array, radix: number, tweak: Uint8Array, numerals: string) => string;
type AddressPrimitive = (key: Uint8Array, address: Buffer) => Uint8Array;

export const primitives: Primitives = {
  sealSiv(key, associated, plaintext) {
    const { sivs, ciphertexts } = createSivCipher(key, associated).seal(joinBytes([plaintext]));
    return Buffer.concat([sivs, bytesAt(ciphertexts, 0)]);
  },
  openSiv(key, associated, sealed) {
    const sivs = Buffer.from(sealed.subarray(0, sivLengthBytes));
    const opened = createSivCipher(key, associated).open({ sivs, ciphertexts: joinBytes([sealed.subarray(sivLengthBytes)]) });
    return opened.authentic[0] === true ? bytesAt(opened.plaintexts, 0) : null;
  },
  hmacSha256,
  hkdfSha256: (root, salt, info, lengthBytes) => new Uint8Array(hkdfSync("sha256", root, salt, info, lengthBytes)),
  sha256Hex,
  aesCmac: (key, data) => createCmac(createBlockFunction(key))(joinBytes([data])),
  encryptFf1: (key, radix, tweak, numerals) => textOf(createFf1Cipher(key, radix, tweak).encrypt(numeralsOf(numerals))),
  decryptFf1: (key, radix, tweak, numerals) => textOf(createFf1Cipher(key, radix, tweak).decrypt(numeralsOf(numerals))),
  encryptIpcrypt: (key, address) => createIpcryptCipher(key).encrypt(address),
  decryptIpcrypt: (key, address) => createIpcryptCipher(key).decrypt(address),
  encryptIpcryptPrefix: (key, address) => createIpcryptPrefixCipher(key).encrypt(address),
  decryptIpcryptPrefix: (key, address) => createIpcryptPrefixCipher(key).decrypt(address),
};

function numeralsOf(text: string): NumeralColumn {
  return { numerals: Uint16Array.from(text, (digit) => Number.parseInt(digit, 36)), offsets: Uint32Array.of(0, text.length) };
}

function textOf({ numerals }: NumeralColumn): string {
  return Array.from(numerals, (numeral) => numeral.toString(36)).join("");
}

/**
 * Known answers, checked at every start before anything is masked: a cipher that is wrong (another library version, a processor
 * fault, a patched runtime) would write tokens that nobody can ever match or open. Takes a few milliseconds.
 * @throws MasklineError `self_test_failed`, naming the primitive
 */
export function selfTest(tested: Primitives = primitives): void {
  for (const { primitive, source, actual, expected } of knownAnswers(tested)) {
    if (answerOf(actual) !== expected) {
      throw new MasklineError("self_test_failed", `${primitive} does not give the answer of ${source}`, {
        next: "use an unmodified Node.js of a supported version; nothing was masked",
      });
    }
  }
}

interface KnownAnswer {
  readonly primitive: string;
  readonly source: string;
  /** null: a forgery was refused. */
  readonly actual: () => Uint8Array | string | null;
  readonly expected: string;
}

function* knownAnswers(tested: Primitives): Generator<KnownAnswer> {
  const { sealSiv, openSiv, hmacSha256: hmac, hkdfSha256, sha256Hex: sha256, aesCmac } = tested;
  for (const { source, key, associated, plaintext, sealed } of sivVectors) {
    const [keyBytes, associatedBytes, sealedBytes] = [fromHex(key), fromHex(associated), fromHex(sealed)];
    yield { primitive: "AES-SIV", source, actual: () => sealSiv(keyBytes, associatedBytes, fromHex(plaintext)), expected: sealed };
    yield { primitive: "AES-SIV", source, actual: () => openSiv(keyBytes, associatedBytes, sealedBytes), expected: plaintext };
    const forged = Buffer.from(sealedBytes);
    forged.writeUInt8(forged.readUInt8(0) ^ 1, 0);
    yield { primitive: "AES-SIV", source, actual: () => openSiv(keyBytes, associatedBytes, forged), expected: refused };
  }
  yield {
    primitive: "HMAC-SHA256",
    source: "RFC 4231 section 4.3",
    actual: () => hmac(Buffer.from("Jefe"), Buffer.from("what do ya want for nothing?")),
    expected: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
  };
  yield {
    primitive: "HKDF-SHA256",
    source: "RFC 5869 appendix A.3",
    actual: () => hkdfSha256(Buffer.alloc(22, 0x0b), Buffer.alloc(0), Buffer.alloc(0), 42),
    expected: "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
  };
  yield {
    primitive: "SHA-256",
    source: "FIPS 180-4 (the example `abc`)",
    actual: () => sha256(Buffer.from("abc")),
    expected: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  };
  for (const { source, key, mac } of cmacVectors) {
    yield { primitive: "AES-CMAC", source, actual: () => aesCmac(fromHex(key), fromHex(cmacMessage)), expected: mac };
  }
  for (const { source, radix, tweak, plain, encrypted } of ff1Vectors) {
    const [key, tweakBytes] = [fromHex(ff1Key), fromHex(tweak)];
    yield { primitive: "FF1", source, actual: () => tested.encryptFf1(key, radix, tweakBytes, plain), expected: encrypted };
    yield { primitive: "FF1", source, actual: () => tested.decryptFf1(key, radix, tweakBytes, encrypted), expected: plain };
  }
  for (const { primitive, key, address, encrypted } of ipcryptVectors) {
    const [encrypt, decrypt] =
      primitive === "ipcrypt"
        ? [tested.encryptIpcrypt, tested.decryptIpcrypt]
        : [tested.encryptIpcryptPrefix, tested.decryptIpcryptPrefix];
    const source = "draft-denis-ipcrypt appendix (test vectors)";
    yield { primitive, source, actual: () => encrypt(fromHex(key), fromHex(address)), expected: encrypted };
    yield { primitive, source, actual: () => decrypt(fromHex(key), fromHex(encrypted)), expected: address };
  }
}

const sivVectors = [
  {
    source: "RFC 5297 appendix A.1",
    key: "fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
    associated: "101112131415161718191a1b1c1d1e1f2021222324252627",
    plaintext: "112233445566778899aabbccddee",
    sealed: "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c",
  },
  {
    // The appendix stops at AES-128 and, with one datum, at short values.
    source: "Wycheproof, AES-SIV-CMAC, test 323",
    key: "cd8689f821817f59bfaa755131f2565161c7f4489f89b657ac9fa127a9768535a702d001b9b99cc11c3976467b1b45865ff417dc256ebb5079b7f1b3e08307b5",
    associated: "b3edffbb89b373fe04da244b",
    plaintext: "ebcfb2ffb681cc5dfa0c5c524c1b1cc87cc6b2bfa35dc36d15e80505118b84a072a78a157b4d1837",
    sealed: "1ac78aae2ede04eb47924d8f9f99fe75deb61bf693da7f3a2147c05f6d29d17392356fe00f82b24cdbce774fd864561548f33dd3192d806f",
  },
] as const;

const cmacMessage = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411";
const cmacVectors = [
  {
    source: "RFC 4493 section 4, example 3",
    key: "2b7e151628aed2a6abf7158809cf4f3c",
    mac: "dfa66747de9ae63030ca32611497c827",
  },
  {
    // The RFC stops at AES-128.
    source: "NIST SP 800-38B example 11 (AES-256)",
    key: "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
    mac: "aaf3d8f1de5640c232f5b169b9c911e6",
  },
] as const;

const ff1Key = "2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94";
const ff1Vectors = [
  { source: "NIST FF1 sample 7", radix: 10, tweak: "", plain: "0123456789", encrypted: "6657667009" },
  {
    // Too long for doubles.
    source: "NIST FF1 sample 9",
    radix: 36,
    tweak: "3737373770717273373737",
    plain: "0123456789abcdefghi",
    encrypted: "xs8a0azh2avyalyzuwd",
  },
] as const;

const ipcryptVectors = [
  {
    primitive: "ipcrypt",
    key: "2b7e151628aed2a6abf7158809cf4f3c",
    address: "00000000000000000000ffffc0000201",
    encrypted: "1dbdc1b9fff175867d0b67b4e76e4777",
  },
  {
    primitive: "ipcrypt-pfx",
    key: "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301",
    address: "00000000000000000000ffffc0000201",
    encrypted: "00000000000000000000ffff64734883",
  },
  {
    primitive: "ipcrypt-pfx",
    key: "0123456789abcdeffedcba98765432101032547698badcfeefcdab8967452301",
    address: "20010db8000000000000000000000001",
    encrypted: "c1805dd42587352430abfa656ab60f88",
  },
] as const;

const refused = "refused";

function answerOf(actual: () => Uint8Array | string | null): string {
  try {
    const answer = actual();
    if (answer === null) return refused;
    return typeof answer === "string" ? answer : Buffer.from(answer).toString("hex");
  } catch {
    // A runtime without the cipher: as wrong as a cipher that lies.
    return "none";
  }
}

function fromHex(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}
