import { gcmNonceBytes, gcmTagBytes, openGcm, sealGcm } from "./aes-gcm.ts";
import { readBase64, readConstant, readFormat, readMembers } from "./strict-json.ts";

/**
 * A ring's text, encrypted: AES-256-GCM under a key that encrypts this one text only. All that stands beside the
 * ciphertext is associated data, so that no parameter of it can be changed without notice.
 */
export interface Envelope<Header extends WrapHeader> {
  readonly wrap: Header;
  /** With its tag, the last 16 bytes. */
  readonly ciphertext: Buffer;
}

/** How the key of an envelope is come by, as its file says it. Of texts, whole numbers and groups of them only. */
export interface WrapHeader {
  readonly kind: string;
  readonly cipher: typeof cipher;
  /** 96 random bits, base64. */
  readonly nonce: string;
}

const format = "maskline-keyring-wrapped";
const version = 1;
const cipher = "aes-256-gcm";
/** Far above any ring; what is longer is not decoded. */
const longestCiphertextBytes = 1_048_576;

export type RandomBytes = (lengthBytes: number) => Buffer;

/** The members of every header. */
export function newHeaderParts(randomBytes: RandomBytes): Pick<WrapHeader, "cipher" | "nonce"> {
  return { cipher, nonce: randomBytes(gcmNonceBytes).toString("base64") };
}

/** The text of the file. `key` must never have encrypted anything before. */
export function sealEnvelope(wrap: WrapHeader, key: Uint8Array, text: string): string {
  const ciphertext = sealGcm(key, Buffer.from(wrap.nonce, "base64"), associatedData(wrap), Buffer.from(text));
  return `${JSON.stringify({ format, version, wrap, ciphertext: ciphertext.toString("base64") }, null, 2)}\n`;
}

/** The text that was sealed; null when the key is another one or anything of the envelope was changed. */
export function openEnvelope({ wrap, ciphertext }: Envelope<WrapHeader>, key: Uint8Array): string | null {
  return openGcm(key, Buffer.from(wrap.nonce, "base64"), associatedData(wrap), ciphertext)?.toString("utf8") ?? null;
}

/** Whether this is an envelope, by its `format` alone. */
export function isEnvelope(file: unknown): boolean {
  return typeof file === "object" && file !== null && "format" in file && file.format === format;
}

/** The members of an envelope's file; its header is for the reader of its kind.
 *  @throws MasklineError `keyring_malformed` */
export function readEnvelope(file: unknown): { readonly wrap: unknown; readonly ciphertext: Buffer } {
  readFormat(file, format, version);
  const members = readMembers(file, "the file", ["format", "version", "wrap", "ciphertext"]);
  return {
    wrap: members["wrap"],
    ciphertext: readBase64(members["ciphertext"], "ciphertext", gcmTagBytes, longestCiphertextBytes),
  };
}

/** @throws MasklineError `keyring_malformed` */
export function readHeaderParts(cipherValue: unknown, nonce: unknown): Pick<WrapHeader, "cipher" | "nonce"> {
  readConstant(cipherValue, "wrap.cipher", cipher);
  return { cipher, nonce: readBase64(nonce, "wrap.nonce", gcmNonceBytes).toString("base64") };
}

function associatedData(wrap: WrapHeader): Buffer {
  return Buffer.from(canonicalJson({ format, version, wrap }));
}

/** JSON in the form of RFC 8785: members sorted by their names' UTF-16 units. Texts and whole numbers JSON.stringify writes so already. */
function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`).join(",")}}`;
}
