import { createCipheriv, createDecipheriv } from "node:crypto";

/** AES-256-GCM (SP 800-38D) with nonces of 96 and tags of 128 bits; sealed is ciphertext, then tag. */
export const gcmTagBytes = 16;
export const gcmNonceBytes = 12;

export function sealGcm(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, plaintext: Uint8Array): Buffer {
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: gcmTagBytes }).setAAD(associated);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** null when it is not authentic. */
export function openGcm(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array, sealed: Uint8Array): Buffer | null {
  if (sealed.length < gcmTagBytes) return null;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: gcmTagBytes })
    .setAAD(associated)
    .setAuthTag(sealed.subarray(-gcmTagBytes));
  const plaintext = decipher.update(sealed.subarray(0, -gcmTagBytes));
  try {
    return Buffer.concat([plaintext, decipher.final()]);
  } catch {
    return null;
  }
}
