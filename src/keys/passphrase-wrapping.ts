import { scrypt } from "node:crypto";

import { MasklineError } from "../errors.ts";
import {
  type Envelope,
  newHeaderParts,
  openEnvelope,
  type RandomBytes,
  readHeaderParts,
  sealEnvelope,
  type WrapHeader,
} from "./envelope.ts";
import { malformed, readBase64, readConstant, readMembers } from "./strict-json.ts";

/** The key of an envelope is scrypt (RFC 7914) of a passphrase. */
export interface PassphraseHeader extends WrapHeader {
  readonly kind: "passphrase";
  readonly kdf: "scrypt";
  readonly n: number;
  readonly r: number;
  readonly p: number;
  /** 16 random bytes, base64: no two envelopes have the same key, whatever the passphrase. */
  readonly salt: string;
}

const kdf = "scrypt";
/** 2^17, 8, 1: 128 MiB of memory for each guess, the strongest row of OWASP's Password Storage Cheat Sheet. */
const cost = { n: 131_072, r: 8, p: 1 } as const;
/** 1 GiB: what is above would stop the machine before it opened a ring. What is below `cost` nobody who uses maskline wrote. */
const largestN = 1_048_576;
const saltBytes = 16;
const keyBytes = 32;

/** Guessed at without limit by whoever has the file, so as long as NIST SP 800-63B-4 (3.1.1.2) wants a password that stands alone. */
export const shortestPassphrase = 15;

/** @throws MasklineError `usage` for a passphrase that is too short */
export async function wrapByPassphrase(text: string, passphrase: string, randomBytes: RandomBytes): Promise<string> {
  if (passphrase.length < shortestPassphrase) {
    throw new MasklineError("usage", `the passphrase is too short: ${shortestPassphrase} characters or more are needed`, {
      next: "take several random words: whoever gets hold of the ring can try passphrases without limit",
    });
  }
  const wrap: PassphraseHeader = {
    kind: "passphrase",
    kdf,
    ...cost,
    salt: randomBytes(saltBytes).toString("base64"),
    ...newHeaderParts(randomBytes),
  };
  const key = await deriveKey(passphrase, wrap);
  try {
    return sealEnvelope(wrap, key, text);
  } finally {
    key.fill(0);
  }
}

/** @throws MasklineError `keyring_locked` */
export async function unwrapByPassphrase(envelope: Envelope<PassphraseHeader>, passphrase: string): Promise<string> {
  const key = await deriveKey(passphrase, envelope.wrap);
  try {
    const text = openEnvelope(envelope, key);
    if (text !== null) return text;
  } finally {
    key.fill(0);
  }
  throw new MasklineError("keyring_locked", "the key ring did not open: the passphrase is wrong, or the ring was altered", {
    next: "check keyring.passphrase (or passphrase_file); if it is right, take the ring from a backup",
  });
}

/** @throws MasklineError `keyring_malformed`, before anything is computed with what the header says */
export function readPassphraseHeader(value: unknown): PassphraseHeader {
  const members = readMembers(value, "wrap", ["kind", "kdf", "n", "r", "p", "salt", "cipher", "nonce"]);
  readConstant(members["kdf"], "wrap.kdf", kdf);
  readConstant(members["r"], "wrap.r", cost.r);
  readConstant(members["p"], "wrap.p", cost.p);
  const n = members["n"];
  if (typeof n !== "number" || !Number.isInteger(Math.log2(n)) || n < cost.n || n > largestN) {
    throw malformed("wrap.n", `a power of two from ${cost.n} to ${largestN}`, typeof n === "number" ? "another number" : typeof n);
  }
  return {
    kind: "passphrase",
    kdf,
    n,
    r: cost.r,
    p: cost.p,
    salt: readBase64(members["salt"], "wrap.salt", saltBytes).toString("base64"),
    ...readHeaderParts(members["cipher"], members["nonce"]),
  };
}

/** In NFC: an é that is typed on another machine may come in two pieces. */
async function deriveKey(passphrase: string, { n, r, p, salt }: PassphraseHeader): Promise<Buffer> {
  // what scrypt needs (RFC 7914 section 5: B, V, T), and nothing above
  const maxmem = 128 * r * (n + p + 2);
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), Buffer.from(salt, "base64"), keyBytes, { N: n, r, p, maxmem }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}
