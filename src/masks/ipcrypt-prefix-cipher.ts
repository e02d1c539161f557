import { isIpv4 } from "../contract/ip.ts";
import { MasklineError } from "../errors.ts";
import { type BlockFunction, blockLengthBytes, createBlockFunction } from "./aes-block.ts";
import { addressAt, addressBytes, type AddressCipher } from "./ip-column.ts";

/** Encrypting takes up to 128 blocks an address: 256 KiB at a time stay in the processor's cache, whatever the column's length. */
const addressesPerCall = 128;

/**
 * ipcrypt-pfx (draft-denis-ipcrypt): addresses that have their first N bits in common have the first N bits of their tokens in
 * common, and no more. The key is two different AES-128 keys end to end. The bits of an IPv4 address are those behind the IPv4-mapped
 * prefix, which stays.
 *
 * An IPv6 address can come out IPv4-mapped (one in 2^96 does; the draft is silent on it). Its text would be that of an IPv4 token and
 * open to somebody's IPv4 address: the mask must refuse it.
 */
export function createIpcryptPrefixCipher(key: Uint8Array): AddressCipher {
  if (key.length !== 32) throw new MasklineError("internal", `an ipcrypt-pfx key of ${key.length} bytes`);
  const [first, second] = [key.subarray(0, 16), key.subarray(16)];
  // Equal halves cancel out: every address would be its own token.
  if (Buffer.compare(first, second) === 0) throw new MasklineError("internal", "an ipcrypt-pfx key of two equal halves");
  const cipherBits = createCipherBits(createBlockFunction(first), createBlockFunction(second));
  return {
    encrypt(addresses) {
      const step = addressesPerCall * addressBytes;
      const parts = Array.from({ length: Math.ceil(addresses.length / step) }, (_, i) =>
        encryptAddresses(addresses.subarray(i * step, (i + 1) * step), cipherBits),
      );
      return Buffer.concat(parts);
    },
    decrypt: (addresses) => decryptAddresses(addresses, cipherBits),
  };
}

/** One bit for each block: the last one of the xor of its encryptions under both keys. */
type CipherBits = (blocks: Buffer) => Uint8Array;

function createCipherBits(encryptFirst: BlockFunction, encryptSecond: BlockFunction): CipherBits {
  return (blocks) => {
    const first = encryptFirst(blocks);
    const second = encryptSecond(blocks);
    const bits = new Uint8Array(blocks.length / blockLengthBytes);
    for (let i = 0, at = blockLengthBytes - 1; i < bits.length; i += 1, at += blockLengthBytes) {
      bits[i] = ((first[at] as number) ^ (second[at] as number)) & 1;
    }
    return bits;
  };
}

/** Every prefix of every address is known before the first bit is encrypted: one call for each key. */
function encryptAddresses(addresses: Buffer, cipherBits: CipherBits): Buffer {
  const firstBytes = firstBytesOf(addresses);
  const bytes = firstBytes.reduce((total, firstByte) => total + addressBytes - firstByte, 0);
  const blocks = Buffer.alloc(bytes * 8 * blockLengthBytes);
  const words = viewOf(addresses);
  const prefixes = viewOf(blocks);
  let block = 0;
  for (let i = 0; i < firstBytes.length; i += 1) {
    const firstByte = firstBytes[i] as number;
    let [w0, w1, w2, w3] = firstByte === 0 ? emptyPrefix : mappedPrefix;
    for (let byte = firstByte; byte < addressBytes; byte += 4) {
      const word = words.getUint32(i * addressBytes + byte);
      for (let bit = 31; bit >= 0; bit -= 1, block += blockLengthBytes) {
        prefixes.setUint32(block, w0);
        prefixes.setUint32(block + 4, w1);
        prefixes.setUint32(block + 8, w2);
        prefixes.setUint32(block + 12, w3);
        w0 = (w0 << 1) | (w1 >>> 31);
        w1 = (w1 << 1) | (w2 >>> 31);
        w2 = (w2 << 1) | (w3 >>> 31);
        w3 = (w3 << 1) | ((word >>> bit) & 1);
      }
    }
  }
  const bits = cipherBits(blocks);
  const encrypted = Buffer.from(addresses);
  let next = 0;
  for (let i = 0; i < firstBytes.length; i += 1) {
    for (let at = i * addressBytes + (firstBytes[i] as number); at < (i + 1) * addressBytes; at += 1) {
      let cipherByte = 0;
      for (let bit = 0; bit < 8; bit += 1, next += 1) cipherByte = (cipherByte << 1) | (bits[next] as number);
      encrypted[at] = (encrypted[at] as number) ^ cipherByte;
    }
  }
  return encrypted;
}

/**
 * Each bit needs those before it, so that it goes bit by bit, all addresses in step. A block holds the prefix that is known by then;
 * after the last bit the delimiter has been shifted out, and what is left is the address.
 */
function decryptAddresses(addresses: Buffer, cipherBits: CipherBits): Buffer {
  const firstBytes = firstBytesOf(addresses);
  // IPv4 last: it joins the others at bit 96.
  const order = Array.from(firstBytes, (_, i) => i).sort(
    (left, right) => (firstBytes[left] as number) - (firstBytes[right] as number),
  );
  const blocks = Buffer.alloc(addresses.length);
  const prefixes = viewOf(blocks);
  order.forEach((address, slot) => {
    const prefix = firstBytes[address] === 0 ? emptyPrefix : mappedPrefix;
    prefix.forEach((word, i) => prefixes.setUint32(slot * blockLengthBytes + 4 * i, word));
  });
  const ipv6 = order.filter((address) => firstBytes[address] === 0).length;
  for (let bit = ipv6 === 0 ? 96 : 0; bit < 128; bit += 1) {
    const live = bit < 96 ? ipv6 : order.length;
    const bits = cipherBits(blocks.subarray(0, live * blockLengthBytes));
    for (let slot = 0; slot < live; slot += 1) {
      const byte = addresses[(order[slot] as number) * addressBytes + (bit >> 3)] as number;
      shiftIn(prefixes, slot * blockLengthBytes, ((byte >> (7 - (bit & 7))) & 1) ^ (bits[slot] as number));
    }
  }
  const decrypted = Buffer.alloc(addresses.length);
  order.forEach((address, slot) => decrypted.set(addressAt(blocks, slot), address * addressBytes));
  return decrypted;
}

/** Of each address, the byte where its bits begin to be encrypted. */
function firstBytesOf(addresses: Buffer): Uint8Array {
  const firstBytes = new Uint8Array(addresses.length / addressBytes);
  for (let i = 0; i < firstBytes.length; i += 1) if (isIpv4(addresses, i * addressBytes)) firstBytes[i] = 12;
  return firstBytes;
}

type Words = readonly [number, number, number, number];

/** A prefix of n bits is padded to zeros, a 1 and its bits: at first none, or the 96 of IPv4-mapped addresses. */
const emptyPrefix: Words = [0, 0, 0, 1];
const mappedPrefix: Words = [1, 0, 0, 0xffff];

/** Shifts the block at `at` left by one bit and another in at its end. */
function shiftIn(blocks: DataView, at: number, bit: number): void {
  for (let word = at; word < at + 12; word += 4) {
    blocks.setUint32(word, (blocks.getUint32(word) << 1) | (blocks.getUint32(word + 4) >>> 31));
  }
  blocks.setUint32(at + 12, (blocks.getUint32(at + 12) << 1) | bit);
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
