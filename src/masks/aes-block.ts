import { createCipheriv, createDecipheriv } from "node:crypto";

export const blockLengthBytes = 16;

/** AES on its own: each 16-byte block by itself, any number of blocks in one call. */
export type BlockFunction = (blocks: Uint8Array) => Buffer;

/**
 * The raw AES block function (FIPS 197) under a key of 16, 24 or 32 bytes.
 *
 * ECB is right here, and nowhere else: it is no mode of ours but the only way to the bare block function that CMAC (RFC 4493), the
 * counter mode of SIV (RFC 5297 section 2.5), FF1 (SP 800-38G) and ipcrypt (draft-denis-ipcrypt) are built from; no text is ever
 * encrypted with it. ECB keeps no state between calls, so one cipher object serves for ever: the price of a call is then paid once
 * for a whole column and not for each value.
 */
export function createBlockFunction(key: Uint8Array): BlockFunction {
  const cipher = createCipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return (blocks) => cipher.update(blocks);
}

/**
 * The inverse of the block function under the same key. ECB again as the only way to the bare function; only ipcrypt needs it, where
 * an address is exactly one block and its token another: the permutation itself is the mask.
 */
export function createInverseBlockFunction(key: Uint8Array): BlockFunction {
  const decipher = createDecipheriv(`aes-${key.length * 8}-ecb`, key, null).setAutoPadding(false);
  return (blocks) => decipher.update(blocks);
}
