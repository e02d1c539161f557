import { createSecretKey, randomBytes } from "node:crypto";

import type { KeyState, RootKey } from "../../src/keys/keyset.ts";
import { createKeyRing, KeyRing } from "../../src/keys/ring.ts";

export function newRing(): KeyRing {
  return createKeyRing(randomBytes);
}

export function root(id: number, status: KeyState = "ENABLED", key: Buffer = randomBytes(32)): RootKey {
  return status === "DESTROYED" ? { id, status } : { id, status, key: createSecretKey(key) };
}

/** A ring of these roots, the first primary. */
export function ringOf(...roots: readonly [RootKey, ...RootKey[]]): KeyRing {
  return new KeyRing(roots[0].id, roots, newRing().sealing);
}

/** Every spelling in which a secret could show up in a text. */
export function spellings(secret: Buffer): readonly string[] {
  const numbers = [...secret.subarray(0, 6)];
  return [
    secret.toString("base64").slice(0, 12),
    secret.toString("base64url").slice(0, 12),
    secret.toString("hex").slice(0, 12),
    secret
      .toString("hex")
      .slice(0, 12)
      .replaceAll(/(..)(?!$)/gu, "$1 "),
    numbers.join(","),
    numbers.join(", "),
  ];
}
