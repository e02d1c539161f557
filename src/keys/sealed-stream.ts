import { AEAD_AES_256_GCM, CipherSuite, type CryptoKey, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";

import { MasklineError } from "../errors.ts";
import { gcmTagBytes } from "./aes-gcm.ts";

/**
 * A stream sealed to one recipient: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, `info` the text
 * `maskline/revealed/v1`. The line `maskline-revealed/1`, the encapsulated key (32 bytes), then the messages of the context in their
 * order, each behind its length (4 bytes, big endian). Associated data is one byte, 01 for the last message and 00 for all others: a
 * stream that was cut short does not end.
 */
const firstLine = Buffer.from("maskline-revealed/1\n");
const info = Buffer.from("maskline/revealed/v1");
const encapsulatedBytes = 32;
const lengthBytes = 4;
/** Of one message, so that whoever opens a stream needs no more memory. */
export const longestPart: number = 64 * 1024;

export interface StreamSealer {
  /** Goes first. */
  readonly head: Buffer;
  seal(part: Uint8Array, isLast: boolean): Promise<Buffer>;
}

/** @param publicKey 32 bytes @throws MasklineError `usage` when nothing can be sealed to it */
export async function sealStreamTo(publicKey: Uint8Array): Promise<StreamSealer> {
  const { encapsulatedSecret, ctx } = await setUp(publicKey);
  return {
    head: Buffer.concat([firstLine, encapsulatedSecret]),
    async seal(part, isLast) {
      const sealed = await ctx.Seal(Uint8Array.from(part), ending(isLast));
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32BE(sealed.length);
      return Buffer.concat([length, sealed]);
    },
  };
}

async function setUp(publicKey: Uint8Array): ReturnType<CipherSuite<CryptoKey>["SetupSender"]> {
  const suite = createSuite();
  try {
    return await suite.SetupSender(await suite.DeserializePublicKey(Uint8Array.from(publicKey)), { info });
  } catch {
    // a point of low order
    throw new MasklineError("usage", "nothing can be sealed to this recipient's key", {
      next: "let the recipient make another one",
    });
  }
}

/**
 * The parts of a sealed stream, each once it is known to be authentic and in its place.
 * @throws MasklineError `file_unreadable`, at the first part that is not, and at an end that is none
 */
export async function* openSealedStream(
  pair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array },
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer> {
  const bytes = new ByteQueue(input);
  const head = await bytes.take(firstLine.length + encapsulatedBytes);
  if (head === null || !head.subarray(0, firstLine.length).equals(firstLine))
    throw unreadable("is none that maskline reveal wrote");
  const open = await openerFor(pair, head.subarray(firstLine.length));
  for (let isLast = false; !isLast;) {
    const length = (await bytes.take(lengthBytes))?.readUInt32BE() ?? 0;
    const sealed = length < gcmTagBytes || length > longestPart + gcmTagBytes ? null : await bytes.take(length);
    if (sealed === null) throw unreadable("ends before its end, or was altered");
    isLast = await bytes.isAtEnd();
    yield await open(sealed, isLast);
  }
}

async function openerFor(
  pair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array },
  encapsulated: Uint8Array,
): Promise<(sealed: Uint8Array, isLast: boolean) => Promise<Buffer>> {
  const suite = createSuite();
  const keys = {
    publicKey: await suite.DeserializePublicKey(Uint8Array.from(pair.publicKey)),
    privateKey: await suite.DeserializePrivateKey(Uint8Array.from(pair.privateKey)),
  };
  const context = await suite.SetupRecipient(keys, Uint8Array.from(encapsulated), { info }).catch(() => null);
  return async (sealed, isLast) => {
    const opened = await context?.Open(Uint8Array.from(sealed), ending(isLast)).catch(() => null);
    if (opened === null || opened === undefined) throw unreadable("is for another recipient, was cut short or altered");
    return Buffer.from(opened);
  };
}

/** Bytes of a stream, so many at a time. */
class ByteQueue {
  readonly #input: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(input: AsyncIterable<Uint8Array>) {
    this.#input = input[Symbol.asyncIterator]();
  }

  /** null where fewer are left. */
  async take(length: number): Promise<Buffer | null> {
    if (!(await this.#hold(length))) return null;
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async isAtEnd(): Promise<boolean> {
    return !(await this.#hold(1));
  }

  async #hold(length: number): Promise<boolean> {
    while (this.#held.length < length) {
      const next = await this.#input.next();
      if (next.done === true) return false;
      this.#held = Buffer.concat([this.#held, next.value]);
    }
    return true;
  }
}

function ending(isLast: boolean): Uint8Array {
  return Uint8Array.of(isLast ? 1 : 0);
}

function unreadable(why: string): MasklineError {
  return new MasklineError("file_unreadable", `the sealed file ${why}`, {
    next: "ask for the file again, sealed to the key of --identity",
  });
}

function createSuite(): CipherSuite<CryptoKey> {
  return new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
}
