import { type AuditPublicKey, publicKeyBytes, signatureBytes } from "../keys/audit-keys.ts";
import { entryHash } from "./audit-entry.ts";
import { isRecord, type KeptRow, readEntry } from "./audit-reading.ts";
import { type CanonicalValue, canonicalJson } from "./canonical-json.ts";
import { type Certificate, certificateFormat, verifyCertificate } from "./certificate.ts";

/** What a certificate of an erasure states, as far as it is shown. */
export interface ErasureStatement {
  readonly erasure: string;
  readonly act: string;
  readonly actor: string;
  readonly reason: string;
  readonly ticket: string;
  readonly subject: { readonly column: string; readonly hash: string };
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly removed: { readonly [what: string]: number };
  readonly remains: readonly {
    readonly what: string;
    readonly count: number | null;
    readonly columns?: readonly string[];
    readonly why: string;
  }[];
}

export interface ReadCertificate {
  readonly signed: Certificate;
  readonly states: ErasureStatement;
}

const members = "certificate,hash,keyId,publicKey,signature";
const uuid = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;
const texts = ["actor", "reason", "ticket", "startedAt", "finishedAt"] as const;

/**
 * Null where the text is no certificate of an erasure. A member that stands there twice makes it none: whoever looks at it could see
 * the one that was not signed.
 */
export function readCertificate(text: string): ReadCertificate | null {
  const value = parse(text);
  if (!isRecord(value) || Object.keys(value).sort().join() !== members || hasTwins(text, value)) return null;
  const { certificate, hash, keyId, publicKey, signature } = value;
  if (typeof hash !== "string" || !Number.isSafeInteger(keyId)) return null;
  if (typeof publicKey !== "string" || typeof signature !== "string" || !isStatement(certificate)) return null;
  const signed = value as unknown as Certificate;
  return { signed, states: certificate as ErasureStatement };
}

/** What is wrong with a certificate, under the public keys that are known; none where it is as it was signed. */
export function certificateFaults({ signed }: ReadCertificate, publicKeys: readonly AuditPublicKey[]): readonly string[] {
  const { certificate, hash, keyId, publicKey, signature } = signed;
  if (!isBase64url(signature, signatureBytes)) return ["the signature is none: its text was altered (forged)"];
  if (!isBase64url(publicKey, publicKeyBytes)) return ["the public key is none: its text was altered (altered)"];
  if (entryHash(canonicalJson(certificate)).toString("hex") !== hash) return ["the hash is not that of what it states (altered)"];
  const keys = publicKeys.filter((key) => key.keyId === keyId || key.keyId === null);
  if (keys.length === 0) return [`signed with key ${keyId}, whose public key is not known (unknown_key)`];
  const signers = keys.filter((key) => verifyCertificate(key.publicKey, signed));
  if (signers.length === 0) return [`the signature is not of key ${keyId} (forged)`];
  const brought = Buffer.from(publicKey, "base64url");
  return signers.some((key) => brought.equals(key.publicKey)) ? [] : ["the public key it brings is another (altered)"];
}

/** Whether a row of the audit is the end of the act that a certificate is of, and names it. */
export function tellsOf(row: KeptRow, { signed, states }: ReadCertificate): boolean {
  if (row.keyId !== signed.keyId || row.act !== states.act) return false;
  const entry = readEntry(row.entry);
  if (entry?.step !== "result" || entry.action !== "erase") return false;
  return entry.outcome?.["certificate"] === signed.hash && entry.outcome["erasure"] === states.erasure;
}

function isStatement(value: unknown): boolean {
  if (!isRecord(value) || value["format"] !== certificateFormat) return false;
  const { subject, removed, remains } = value;
  return (
    texts.every((name) => typeof value[name] === "string") &&
    [value["erasure"], value["act"]].every((id) => typeof id === "string" && uuid.test(id)) &&
    isRecord(subject) &&
    typeof subject["column"] === "string" &&
    typeof subject["hash"] === "string" &&
    isRecord(removed) &&
    Object.values(removed).every((count) => Number.isSafeInteger(count)) &&
    Array.isArray(remains) &&
    remains.every(isRemnant)
  );
}

function isRemnant(value: unknown): boolean {
  if (!isRecord(value) || typeof value["what"] !== "string" || typeof value["why"] !== "string") return false;
  const { columns = [] } = value;
  if (!Array.isArray(columns) || !columns.every((name) => typeof name === "string")) return false;
  return value["count"] === null || Number.isSafeInteger(value["count"]);
}

function parse(text: string): unknown {
  try {
    const value = JSON.parse(text) as CanonicalValue;
    // what has no canonical form was never signed
    canonicalJson(value);
    return value;
  } catch {
    return null;
  }
}

/** White space and spelling may be others than ours: so the members of the text are counted, and those that were read. */
function hasTwins(text: string, value: unknown): boolean {
  const colons = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, "").split(":").length - 1;
  return colons !== countMembers(value);
}

function countMembers(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  const within = Object.values(value).reduce<number>((sum, one) => sum + countMembers(one), 0);
  return within + (Array.isArray(value) ? 0 : Object.keys(value).length);
}

/** In its one right spelling: the reader of the platform skips what it does not know. */
function isBase64url(text: string, lengthBytes: number): boolean {
  const bytes = Buffer.from(text, "base64url");
  return bytes.length === lengthBytes && bytes.toString("base64url") === text;
}
