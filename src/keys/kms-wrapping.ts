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
import { readBase64, readConstant, readMembers, readText } from "./strict-json.ts";

/** The key of an envelope is a data key of AWS KMS, which stands beside it, encrypted by a KMS key that never leaves KMS. */
export interface KmsHeader extends WrapHeader {
  readonly kind: "aws-kms";
  /** The ARN of the KMS key. */
  readonly key: string;
  readonly context: EncryptionContext;
  /** As KMS encrypted it, base64. */
  readonly dataKey: string;
}

/** Bound to the data key by KMS, and in the service's own log of every use; key policies can demand it. Not secret. */
export interface EncryptionContext {
  readonly purpose: typeof purpose;
  /** 16 random bytes in hex. A ring keeps it for as long as it stays with KMS. */
  readonly ring: string;
}

/** A data key in the clear. Whoever gets it fills it with zeros after use. */
export interface DataKey {
  /** The ARN of the KMS key that the service used, as it says. */
  readonly key: string;
  readonly plain: Uint8Array;
}

/** What wrapping needs of KMS. Errors are MasklineErrors. */
export interface KeyService {
  /** @param key id, alias or ARN */
  generateDataKey(key: string, context: EncryptionContext): Promise<DataKey & { readonly encrypted: Uint8Array }>;
  /** Opens only what was encrypted by this very key in this very context. */
  decrypt(encrypted: Uint8Array, key: string, context: EncryptionContext): Promise<DataKey>;
}

const purpose = "maskline-keyring";
const dataKeyBytes = 32;
/** The most that KMS returns (CiphertextBlob). */
const longestEncryptedBytes = 6_144;
const keyArn = /^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/;
const ringId = /^[0-9a-f]{32}$/;

export function newRingId(randomBytes: RandomBytes): string {
  return randomBytes(16).toString("hex");
}

/** A data key for each text: neither key nor nonce is ever used again. */
export async function wrapByKms(
  text: string,
  service: KeyService,
  key: string,
  ring: string,
  randomBytes: RandomBytes,
): Promise<string> {
  const context = { purpose, ring } as const;
  const dataKey = await service.generateDataKey(key, context);
  try {
    if (!keyArn.test(dataKey.key) || (keyArn.test(key) && dataKey.key !== key)) throw wrongAnswer();
    if (dataKey.plain.length !== dataKeyBytes) throw wrongAnswer();
    const wrap: KmsHeader = {
      kind: "aws-kms",
      key: dataKey.key,
      context,
      dataKey: Buffer.from(dataKey.encrypted).toString("base64"),
      ...newHeaderParts(randomBytes),
    };
    return sealEnvelope(wrap, dataKey.plain, text);
  } finally {
    dataKey.plain.fill(0);
  }
}

/**
 * @param demanded the KMS key that must have wrapped the ring: id, alias or ARN; null to trust the ring's own word
 * @throws MasklineError `keyring_locked`, and what the service throws
 */
export async function unwrapByKms(envelope: Envelope<KmsHeader>, service: KeyService, demanded: string | null): Promise<string> {
  const { key, context, dataKey } = envelope.wrap;
  if (demanded !== null && keyArn.test(demanded) && demanded !== key) throw otherKey(key, demanded);
  // Asked for by the name we were given, KMS itself refuses a data key of any other key, also where that name is an alias.
  const opened = await service.decrypt(Buffer.from(dataKey, "base64"), demanded ?? key, context);
  try {
    if (opened.key !== key || opened.plain.length !== dataKeyBytes) throw wrongAnswer();
    const text = openEnvelope(envelope, opened.plain);
    if (text !== null) return text;
  } finally {
    opened.plain.fill(0);
  }
  throw new MasklineError("keyring_locked", "the key ring did not open: KMS gave its data key, but the ring was altered", {
    next: "take the ring from a backup",
  });
}

/** @throws MasklineError `keyring_malformed` */
export function readKmsHeader(value: unknown): KmsHeader {
  const members = readMembers(value, "wrap", ["kind", "key", "context", "dataKey", "cipher", "nonce"]);
  const context = readMembers(members["context"], "wrap.context", ["purpose", "ring"]);
  readConstant(context["purpose"], "wrap.context.purpose", purpose);
  return {
    kind: "aws-kms",
    key: readText(members["key"], "wrap.key", keyArn, "the ARN of a KMS key"),
    context: { purpose, ring: readText(context["ring"], "wrap.context.ring", ringId, "16 bytes in hex") },
    dataKey: readBase64(members["dataKey"], "wrap.dataKey", 1, longestEncryptedBytes).toString("base64"),
    ...readHeaderParts(members["cipher"], members["nonce"]),
  };
}

function otherKey(found: string, demanded: string): MasklineError {
  return new MasklineError("keyring_locked", `the key ring is wrapped by another KMS key than keyring.kms_key`, {
    details: [`found ${found}`, `keyring.kms_key is ${demanded}`],
    next: "maskline keys rewrap --kms-key KEY wraps it anew; or correct keyring.kms_key",
  });
}

function wrongAnswer(): MasklineError {
  return new MasklineError("keyring_locked", "KMS answered for another key than it was asked for, or not with a data key", {
    next: "check keyring.endpoint: is that AWS KMS?",
  });
}
