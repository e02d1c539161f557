import { createReadStream } from "node:fs";

import { MasklineError } from "../../errors.ts";
import { type AuditPublicKey, auditPublicKeys, enabledAuditKeys, verifySignature } from "../../keys/audit-keys.ts";
import type { Database } from "../../postgres/database.ts";
import { newestByKey, requireAudit } from "../../postgres/recovery/audit.ts";
import { type ExportHead, readHeadLine, readRowLine } from "../../recovery/audit-export.ts";
import type { KeptRow } from "../../recovery/audit-reading.ts";
import type { NoRow } from "../../recovery/audit-verify.ts";
import { openFullRing } from "../assemble-keys.ts";
import { withDatabase } from "../assemble-sink.ts";
import { placedMasks } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { readLines, textReader } from "../lines.ts";

/** Opens the database for looking at its audit: with the rights of an auditor, and without a ring. */
export async function withAudit<T>(settings: Settings, work: (database: Database, schema: string) => Promise<T>): Promise<T> {
  return withDatabase(settings, async (database, schema) => {
    await requireAudit(database, schema);
    return work(database, schema);
  });
}

/** What the ring's signatures are checked with. @throws MasklineError where the ring cannot be opened, or has no roots */
export async function ringPublicKeys(settings: Settings): Promise<readonly AuditPublicKey[]> {
  return auditPublicKeys(await openFullRing(settings));
}

/** The keyed hashes under which a token may stand in the audit. */
export interface TokenSearch {
  readonly hashes: readonly Buffer[];
  /** Keys that have signed the audit and are not enabled in the ring: what stands under them cannot be found. */
  readonly unsearched: readonly number[];
}

/** The domains whose tokens a column holds. @throws MasklineError `not_found` for no masked column */
export function domainsOf(settings: Settings, column: string): readonly string[] {
  const masked = settings.columns.filter((one) => one.column.name === column).flatMap(placedMasks);
  const domains = [...new Set(masked.flatMap(({ mask: { domain } }) => (domain === null ? [] : [domain])))];
  if (domains.length > 0) return domains;
  throw new MasklineError("not_found", "the contract has no column of that name with tokens", {
    next: "--column names a masked column of the configuration",
  });
}

/**
 * Under every enabled root, for each of the domains.
 * @throws MasklineError `key_mismatch` where the ring is another than the audit's, with which no token would ever be found
 */
export async function tokenSearch(
  settings: Settings,
  database: Database,
  schema: string,
  domains: readonly string[],
  token: string,
): Promise<TokenSearch> {
  const ring = await openFullRing(settings);
  const enabled = enabledAuditKeys(ring);
  const signed = await newestByKey(database, schema);
  for (const { keyId, hash, signature } of signed) {
    const keys = enabled.find((one) => one.keyId === keyId);
    if (keys === undefined || verifySignature(keys.publicKey, hash, signature)) continue;
    throw new MasklineError("key_mismatch", `key ${keyId} of this ring has not signed this audit`, {
      next: "use the ring that values are revealed with; or the audit was altered: maskline audit verify",
    });
  }
  return {
    hashes: enabled.flatMap((keys) => domains.map((domain) => keys.hashToken(domain, token))),
    unsearched: signed.map(({ keyId }) => keyId).filter((keyId) => !enabled.some((keys) => keys.keyId === keyId)),
  };
}

/** A line holds all tokens of an act: room for some million of them. */
const longestLineBytes = 256 * 1_048_576;

/** An export as it lies in a file. */
export interface ExportFile {
  readonly head: ExportHead;
  readonly rows: AsyncIterable<KeptRow | NoRow>;
}

/** @throws MasklineError `file_unreadable` where there is no such file, or it does not begin as an export does */
export async function openExport(path: string): Promise<ExportFile> {
  const lines = textLines(path);
  const first = await lines.next();
  const head = first.done === true || first.value.text === null ? null : readHeadLine(first.value.text);
  if (head !== null) return { head, rows: rowsOf(lines) };
  await lines.return(undefined);
  throw new MasklineError("file_unreadable", `${path} does not begin as an export of an audit does`, {
    next: "maskline audit export > FILE; a certificate of an erasure is named by --certificate",
  });
}

interface TextLine {
  readonly number: number;
  /** Null where it is too long or no UTF-8. */
  readonly text: string | null;
}

async function* rowsOf(lines: AsyncIterable<TextLine>): AsyncGenerator<KeptRow | NoRow> {
  for await (const { number, text } of lines) yield (text === null ? null : readRowLine(text)) ?? { place: `line ${number}` };
}

async function* textLines(path: string): AsyncGenerator<TextLine, void, undefined> {
  try {
    for await (const lines of readLines(createReadStream(path), longestLineBytes)) {
      const textOf = textReader(lines);
      const kept = lines.numbers.map((number, index) => ({ number, index }));
      const all = [...kept, ...lines.unreadable.map((number) => ({ number, index: null }))];
      for (const { number, index } of all.toSorted((one, other) => one.number - other.number)) {
        yield { number, text: index === null ? null : textOf(index) };
      }
    }
  } catch (error) {
    const code: unknown = error instanceof Error && "code" in error ? error.code : null;
    if (typeof code !== "string" || error instanceof MasklineError) throw error;
    throw new MasklineError("file_unreadable", `${path} cannot be read (${code})`, {
      next: "name a file of maskline audit export",
    });
  }
}
