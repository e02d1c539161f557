import { createHmac } from "node:crypto";

export const subjectHashBytes = 32;

/**
 * Whose something is, as the vault and the quarantine keep it: HMAC-SHA256 under a root's subject key, of the column that names the subject
 * and its canonical value. With the column's name: number 7 of one column is not number 7 of another. Telling nothing without the key.
 */
export function subjectHash(key: Uint8Array, column: string, value: string): Buffer {
  // JSON, in which no two pairs of texts look alike
  return createHmac("sha256", key)
    .update(JSON.stringify([column, value]))
    .digest();
}
