import { createSecretKey } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { openGcm, sealGcm } from "./aes-gcm.ts";
import type { SealingKey } from "./sealing-key.ts";
import { openSealingContext, receiveExport, unseal } from "./sealing.ts";

/** What sealing is built from, and sealing itself. */
export interface SealingPrimitives {
  readonly sealGcm: typeof sealGcm;
  readonly openGcm: typeof openGcm;
  readonly receiveExport: typeof receiveExport;
  readonly openSealingContext: typeof openSealingContext;
  readonly unseal: typeof unseal;
}

export const sealingPrimitives: SealingPrimitives = { sealGcm, openGcm, receiveExport, openSealingContext, unseal };

/**
 * Known answers of what seals refused messages, checked at every start beside those of the masks: a body sealed wrongly is found out
 * when it is needed, months later, and cannot be had again. Takes a few milliseconds.
 * @throws MasklineError `self_test_failed`, naming the primitive
 */
export async function sealingSelfTest(tested: SealingPrimitives = sealingPrimitives): Promise<void> {
  for (const { primitive, source, actual, expected } of knownAnswers(tested)) {
    if ((await answerOf(actual)) !== expected) {
      throw new MasklineError("self_test_failed", `${primitive} does not give the answer of ${source}`, {
        next: "use an unmodified Node.js of a supported version; nothing was sealed",
      });
    }
  }
}

interface KnownAnswer {
  readonly primitive: string;
  readonly source: string;
  /** null: a forgery was refused. */
  readonly actual: () => Promise<Uint8Array | null> | Uint8Array | null;
  readonly expected: string;
}

function* knownAnswers(tested: SealingPrimitives): Generator<KnownAnswer> {
  const { key, nonce, associated, plaintext, sealed, source } = gcmVector;
  const gcm = { primitive: "AES-256-GCM", source } as const;
  yield {
    ...gcm,
    actual: () => tested.sealGcm(fromHex(key), fromHex(nonce), fromHex(associated), fromHex(plaintext)),
    expected: sealed,
  };
  yield {
    ...gcm,
    actual: () => tested.openGcm(fromHex(key), fromHex(nonce), fromHex(associated), fromHex(sealed)),
    expected: plaintext,
  };
  yield {
    ...gcm,
    actual: () => tested.openGcm(fromHex(key), fromHex(nonce), fromHex(associated), forged(sealed)),
    expected: refused,
  };

  const { info, exporterContext, exported, encapsulated } = hpkeVector;
  const pair = { publicKey: fromHex(hpkeVector.publicKey), privateKey: fromHex(hpkeVector.privateKey) };
  yield {
    primitive: "HPKE",
    source: hpkeVector.source,
    actual: () => tested.receiveExport(pair, fromHex(encapsulated), fromHex(info), fromHex(exporterContext)),
    expected: exported,
  };

  const keys: readonly SealingKey[] = [{ id: sealedBody.keyId, ...pair, privateKey: createSecretKey(pair.privateKey) }];
  const body = { primitive: "sealing", source: "a body sealed before" } as const;
  yield { ...body, actual: () => tested.unseal(keys, fromHex(sealedBody.sealed), sealedBody.place), expected: sealedBody.content };
  yield { ...body, actual: () => openForgery(tested, keys), expected: refused };
  yield {
    primitive: "sealing",
    source: "what it was given to seal",
    actual: async () => {
      const context = await tested.openSealingContext({ id: sealedBody.keyId, publicKey: pair.publicKey });
      return tested.unseal(keys, await context.seal(fromHex(sealedBody.content), sealedBody.place), sealedBody.place);
    },
    expected: sealedBody.content,
  };
}

/** null, as it should be, when it is refused as not authentic. */
async function openForgery(tested: SealingPrimitives, keys: readonly SealingKey[]): Promise<Uint8Array | null> {
  try {
    return await tested.unseal(keys, forged(sealedBody.sealed), sealedBody.place);
  } catch (error) {
    if (error instanceof Error && "failure" in error && error.failure === "not_authentic") return null;
    throw error;
  }
}

/** The specification of GCM that was handed to NIST (McGrew and Viega), appendix B; ciphertext, then tag. */
const gcmVector = {
  source: "the GCM specification, test case 16",
  key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
  nonce: "cafebabefacedbaddecaf888",
  associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
  plaintext:
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  sealed:
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b",
} as const;

/**
 * The test vectors that RFC 9180 refers to as [TestVectors]: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM. The
 * RFC's own appendix A prints X25519 with other AEADs only; the AEAD is part of what is derived.
 */
const hpkeVector = {
  source: "RFC 9180 [TestVectors], mode 0, KEM 32, KDF 1, AEAD 2",
  publicKey: "430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c",
  privateKey: "497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d",
  encapsulated: "6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256",
  info: "4f6465206f6e2061204772656369616e2055726e",
  exporterContext: "54657374436f6e74657874",
  exported: "7c5ded445732c14fe09727d29b4251c0fd38455fe8440571e687f0886aac94d2",
} as const;

/** The second body of a batch, sealed once to the pair above: every version has to open it. */
const sealedBody = {
  keyId: 0x0000_04d2,
  place: ["self-test", "1"],
  content: "6d61736b6c696e65",
  sealed:
    "01000004d2000000016d3eb41810234713c7bcb6b1bb019be586268e912139d2900206efcbddb48369f2c1973c32e513569acc3932646c1c0ad563907cddddc69a",
} as const;

const refused = "refused";

async function answerOf(actual: KnownAnswer["actual"]): Promise<string> {
  try {
    const answer = await actual();
    return answer === null ? refused : Buffer.from(answer).toString("hex");
  } catch {
    // A runtime without the cipher, or one that does not open what it should: as wrong as a cipher that lies.
    return "none";
  }
}

/** With the last bit of the tag changed. */
function forged(sealed: string): Uint8Array {
  const bytes = fromHex(sealed);
  return bytes.fill((bytes.at(-1) ?? 0) ^ 1, -1);
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, "hex"));
}
