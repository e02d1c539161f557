import { type AuditPublicKey, publicKeyBytes, signatureBytes, tokenHashBytes } from "../keys/audit-keys.ts";
import { type Anchor, readAnchor, showAnchor } from "./audit-anchor.ts";
import { isRecord, type KeptRow } from "./audit-reading.ts";

/** Lines of JSON: this one, then one a row. */
export interface ExportHead {
  readonly from: number;
  /** Where the audit ended when the export began; null where it had no row. */
  readonly through: Anchor | null;
  /** For convenience: whoever alters an export can alter them too. */
  readonly publicKeys: readonly AuditPublicKey[];
}

export const exportFormat = "maskline-audit-export/1";

const hashBytes = 32;

export function headLine({ from, through, publicKeys }: ExportHead): string {
  return JSON.stringify({
    format: exportFormat,
    from,
    through: through === null ? null : showAnchor(through),
    publicKeys: publicKeys.map(({ keyId, publicKey }) => ({ keyId, publicKey: publicKey.toString("hex") })),
  });
}

export function rowLine({ sequence, act, entry, hash, keyId, signature, tokenHashes }: KeptRow): string {
  return JSON.stringify({
    sequence,
    act,
    entry,
    hash: hash.toString("hex"),
    keyId,
    signature: signature.toString("hex"),
    tokens: tokenHashes.map((one) => one.toString("hex")),
  });
}

/** Null for anything else than a head line. */
export function readHeadLine(line: string): ExportHead | null {
  const head = members(line, ["format", "from", "through", "publicKeys"]);
  if (head === null || head["format"] !== exportFormat || !isCount(head["from"])) return null;
  const through = typeof head["through"] === "string" ? readAnchor(head["through"]) : null;
  if ((through === null && head["through"] !== null) || !Array.isArray(head["publicKeys"])) return null;
  const publicKeys = head["publicKeys"].map((key: unknown): AuditPublicKey | null => {
    const publicKey = isRecord(key) ? bytesOf(key["publicKey"], publicKeyBytes) : null;
    return isRecord(key) && isCount(key["keyId"]) && publicKey !== null ? { keyId: key["keyId"], publicKey } : null;
  });
  return publicKeys.every((key) => key !== null) ? { from: head["from"], through, publicKeys } : null;
}

/** Null for anything else than a row: more members than its own too, as nothing would bind them. */
export function readRowLine(line: string): KeptRow | null {
  const row = members(line, ["sequence", "act", "entry", "hash", "keyId", "signature", "tokens"]);
  if (row === null) return null;
  const { sequence, act, entry, keyId, tokens } = row;
  const hash = bytesOf(row["hash"], hashBytes);
  const signature = bytesOf(row["signature"], signatureBytes);
  if (!isCount(sequence) || !isCount(keyId) || typeof act !== "string" || typeof entry !== "string") return null;
  if (hash === null || signature === null || !Array.isArray(tokens)) return null;
  const tokenHashes = tokens.map((one) => bytesOf(one, tokenHashBytes));
  return tokenHashes.every((one) => one !== null) ? { sequence, act, entry, hash, keyId, signature, tokenHashes } : null;
}

function members(line: string, names: readonly string[]): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(line);
    if (!isRecord(value) || Object.keys(value).length !== names.length) return null;
    return names.every((name) => Object.hasOwn(value, name)) ? value : null;
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0;
}

function bytesOf(value: unknown, length: number): Buffer | null {
  return typeof value === "string" && value.length === 2 * length && /^[\da-f]*$/.test(value) ? Buffer.from(value, "hex") : null;
}
