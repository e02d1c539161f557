import { AEAD_AES_256_GCM, CipherSuite, type CryptoKey, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from "hpke";

import { gcmNonceBytes, gcmTagBytes, openGcm, sealGcm } from "./aes-gcm.ts";
import type { SealingKey } from "./sealing-key.ts";

/**
 * Sealing to a public key: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 *
 * One encapsulation serves a batch, yet every body must open alone, months later; the sequence of an HPKE context only opens in
 * order. So each body has a single-use key of its own out of the context's secret export (RFC 9180 section 5.3), by its index in the
 * batch. A key that encrypts once can have a constant nonce.
 *
 * Sealed: version (1 byte, 01), sealing key id (4, big endian), index (4), encapsulated key (32), ciphertext, tag (16).
 */
const version = 0x01;
const encapsulatedBytes = 32;
const headBytes = 1 + 4 + 4;
const shortestSealedBytes = headBytes + encapsulatedBytes + gcmTagBytes;
const singleUseKeyBytes = 32;
const largestIndex = 0xffff_ffff;
/** The `info` of the context and the head of every export: a context of maskline's own, whatever else the key pair is used for. */
const purpose = "maskline/seal/v1";

export interface SealingContext {
  /** Seals one body. It opens only with the same `associated` (purpose first, then the parts that name its place). */
  seal(plaintext: Uint8Array, associated: readonly string[]): Promise<Uint8Array>;
}

/** `malformed`: not a sealed body in form. `unknown_key`: the private key is not at hand. `not_authentic`: altered, or of another place. */
export type UnsealFailure = "malformed" | "unknown_key" | "not_authentic";

export class UnsealError extends Error {
  override readonly name = "UnsealError";
  readonly failure: UnsealFailure;
  /** The id of the sealing key that was used; null when malformed. */
  readonly keyId: number | null;

  constructor(failure: UnsealFailure, keyId: number | null) {
    super(`a sealed body did not open: ${failure}${keyId === null ? "" : `, sealing key ${keyId}`}`);
    this.failure = failure;
    this.keyId = keyId;
  }
}

/** A context for one batch: one encapsulation (RFC 9180 section 5.1.1), any number of bodies. */
export async function openSealingContext({ id, publicKey }: Pick<SealingKey, "id" | "publicKey">): Promise<SealingContext> {
  const suite = createSuite();
  const recipient = await suite.DeserializePublicKey(Uint8Array.from(publicKey));
  const { encapsulatedSecret, ctx } = await suite.SetupSender(recipient, { info: Buffer.from(purpose) });
  let nextIndex = 0;
  return {
    async seal(plaintext, associated) {
      // Taken before anything is awaited: two bodies must never share an index, and with it a key.
      const index = nextIndex;
      nextIndex += 1;
      if (index > largestIndex) throw new RangeError("a sealing context is used up");
      const key = await ctx.Export(exportContext(index), singleUseKeyBytes);
      const head = Buffer.alloc(headBytes);
      head[0] = version;
      head.writeUInt32BE(id, 1);
      head.writeUInt32BE(index, 5);
      return Buffer.concat([head, encapsulatedSecret, sealGcm(key, constantNonce(), associatedData(associated), plaintext)]);
    },
  };
}

/**
 * Opens one sealed body, in any order and apart from its batch.
 * @throws UnsealError
 */
export async function unseal(keys: readonly SealingKey[], sealed: Uint8Array, associated: readonly string[]): Promise<Uint8Array> {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < shortestSealedBytes || bytes[0] !== version) throw new UnsealError("malformed", null);
  const id = bytes.readUInt32BE(1);
  const index = bytes.readUInt32BE(5);
  const encapsulated = bytes.subarray(headBytes, headBytes + encapsulatedBytes);
  const pair = keys.find((key) => key.id === id);
  if (pair === undefined || pair.privateKey === null) throw new UnsealError("unknown_key", id);
  const halves = { publicKey: pair.publicKey, privateKey: pair.privateKey.export() };
  const key = await receiveExport(halves, encapsulated, Buffer.from(purpose), exportContext(index));
  const sealedBody = bytes.subarray(headBytes + encapsulatedBytes);
  const opened = key === null ? null : openGcm(key, constantNonce(), associatedData(associated), sealedBody);
  // A point of low order fails in the library, all else in the tag. Whoever forged it is not told which.
  if (opened === null) throw new UnsealError("not_authentic", id);
  return opened;
}

/** The recipient's 32 bytes of secret export (RFC 9180 section 5.3); null when the encapsulated key is not one. */
export async function receiveExport(
  pair: { readonly publicKey: Uint8Array; readonly privateKey: Uint8Array },
  encapsulated: Uint8Array,
  info: Uint8Array,
  exporterContext: Uint8Array,
): Promise<Uint8Array | null> {
  const suite = createSuite();
  // Both halves: from the private one alone the library would have to compute the public one, by an experimental call of Node's.
  const recipient = {
    publicKey: await suite.DeserializePublicKey(Uint8Array.from(pair.publicKey)),
    privateKey: await suite.DeserializePrivateKey(Uint8Array.from(pair.privateKey)),
  };
  try {
    const context = await suite.SetupRecipient(recipient, Uint8Array.from(encapsulated), { info });
    return await context.Export(exporterContext, singleUseKeyBytes);
  } catch {
    return null;
  }
}

function createSuite(): CipherSuite<CryptoKey> {
  return new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM);
}

function exportContext(index: number): Uint8Array {
  const context = Buffer.alloc(purpose.length + 4);
  context.write(purpose);
  context.writeUInt32BE(index, purpose.length);
  return context;
}

/** As JSON, in which no two lists of texts look alike. */
function associatedData(associated: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify(associated));
}

function constantNonce(): Buffer {
  return Buffer.alloc(gcmNonceBytes);
}
