import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

import { publicKeyOf, sealingKeyBytes } from "./sealing-key.ts";

/** An X25519 public key: 32 bytes in hexadecimal digits or base64, or in PEM, as `openssl pkey -pubout` writes it; null for all else. */
export function readRecipient(text: string): Buffer | null {
  return readRaw(text) ?? readPem(text, createPublicKey, (key) => key.export({ format: "der", type: "spki" }));
}

/** An X25519 key pair by its private half, in the same forms; `openssl genpkey -algorithm X25519` writes it in PEM. */
export function readIdentity(text: string): { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array } | null {
  const privateKey = readRaw(text) ?? readPem(text, createPrivateKey, (key) => key.export({ format: "der", type: "pkcs8" }));
  return privateKey === null ? null : { publicKey: publicKeyOf(privateKey), privateKey };
}

function readRaw(text: string): Buffer | null {
  const given = text.trim();
  if (/^[\da-fA-F]{64}$/.test(given)) return Buffer.from(given, "hex");
  const bytes = /^[A-Za-z\d+/_-]{43}=?$/.test(given) ? Buffer.from(given, "base64") : null;
  return bytes?.length === sealingKeyBytes ? bytes : null;
}

/** In either of the two forms the key is what stands at the end (RFC 8410 sections 4 and 7). */
function readPem(text: string, read: (pem: string) => KeyObject, der: (key: KeyObject) => Buffer): Buffer | null {
  if (!text.includes("-----BEGIN ")) return null;
  try {
    const key = read(text);
    return key.asymmetricKeyType === "x25519" ? der(key).subarray(-sealingKeyBytes) : null;
  } catch {
    return null;
  }
}
