import { hkdfSync } from "node:crypto";
import { readFile } from "node:fs/promises";

import { aessiv } from "@noble/ciphers/aes.js";

interface RingFile {
  readonly keyset: {
    readonly key: readonly { readonly keyId: number; readonly keyData?: { readonly value: string } }[];
  };
}

interface Opening {
  decrypt(sealed: Uint8Array): Uint8Array;
}

const rootBytes = 32;
const sivKeyBytes = 64;
const headBytes = 21;

/**
 * Opens `siv` tokens from what is published of them alone: version 01, key id (4, big endian), synthetic IV (16), ciphertext, in base64url;
 * AES-SIV (RFC 5297) with the domain as associated datum under HKDF-SHA256(root, no salt, "mask/v1/siv/<domain>"). None of the product's
 * code is used, nor its cipher.
 */
export class TokenOpener {
  readonly #roots: ReadonlyMap<number, Buffer>;
  readonly #ciphers = new Map<string, Opening>();

  private constructor(roots: ReadonlyMap<number, Buffer>) {
    this.#roots = roots;
  }

  /** With the roots of a plain ring file. */
  static async of(ringFile: string): Promise<TokenOpener> {
    const { keyset } = JSON.parse(await readFile(ringFile, "utf8")) as RingFile;
    const roots = keyset.key.flatMap(({ keyId, keyData }): [number, Buffer][] => {
      if (keyData === undefined) return [];
      // the last field of the protobuf is the root itself
      return [[keyId, Buffer.from(keyData.value, "base64").subarray(-rootBytes)]];
    });
    return new TokenOpener(new Map(roots));
  }

  /** The key id that a token says; null for what is none. */
  static keyId(token: string): number | null {
    const bytes = Buffer.from(token, "base64url");
    return bytes.length >= headBytes && bytes[0] === 1 ? bytes.readUInt32BE(1) : null;
  }

  /** The bytes that were masked; null for what is no token of this ring and domain. */
  open(token: string, domain: string): Buffer | null {
    const keyId = TokenOpener.keyId(token);
    if (keyId === null) return null;
    const cipher = this.#cipher(keyId, domain);
    try {
      return cipher === null ? null : Buffer.from(cipher.decrypt(Buffer.from(token, "base64url").subarray(5)));
    } catch {
      return null;
    }
  }

  #cipher(keyId: number, domain: string): Opening | null {
    const place = `${keyId} ${domain}`;
    const root = this.#roots.get(keyId);
    const known = this.#ciphers.get(place);
    if (known !== undefined || root === undefined) return known ?? null;
    const key = hkdfSync("sha256", root, new Uint8Array(), `mask/v1/siv/${domain}`, sivKeyBytes);
    const cipher = aessiv(new Uint8Array(key), Buffer.from(domain));
    this.#ciphers.set(place, cipher);
    return cipher;
  }
}
