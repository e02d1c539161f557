import { MasklineError } from "../../errors.ts";
import { tokenHashBytes } from "../../keys/audit-keys.ts";
import type { Anchor } from "../../recovery/audit-anchor.ts";
import type { AuditRow } from "../../recovery/audit-entry.ts";
import { type KeptRow, readEntry } from "../../recovery/audit-reading.ts";
import { canonicalJson } from "../../recovery/canonical-json.ts";
import type { Database, Query } from "../database.ts";
import { quoteName } from "../names.ts";

// To read the audit takes SELECT on `audit` and `audit_token`, and on nothing else that maskline owns.

const rowsAtOnce = 500;
/** Of one page of rows so many are fetched at a time, unless a single act has more: an act can have any number. */
const tokensAtOnce = 200_000;

const columns = `sequence::float8 AS sequence, act, entry, hash, key_id::float8 AS "keyId", signature`;

/** @throws MasklineError `schema_missing` where there is no audit */
export async function requireAudit(database: Database, schema: string): Promise<void> {
  const own = quoteName(schema);
  const [found] = await database.query<{ there: boolean }>("looking for the audit", "SELECT to_regclass($1) IS NOT NULL AS there", [
    `${own}.audit`,
  ]);
  if (found?.there === true) return;
  throw new MasklineError("schema_missing", `${database.where} has no audit in schema ${own}`, { next: "maskline migrate" });
}

export async function endOfAudit(database: Database, schema: string): Promise<Anchor | null> {
  const [end] = await database.query<Anchor>(
    "looking for the end of the audit",
    `SELECT sequence::float8 AS sequence, hash FROM ${quoteName(schema)}.audit ORDER BY audit.sequence DESC LIMIT 1`,
  );
  return end ?? null;
}

/** Every row from `from` on with its tokens' hashes, page by page. An act's tokens stand at its first row: its result has none. */
export async function* readAudit(database: Database, schema: string, from: number): AsyncGenerator<KeptRow> {
  const own = quoteName(schema);
  type Counted = AuditRow & { readonly tokens: number };
  for (let next = from; ;) {
    const rows = await database.query<Counted>(
      "reading the audit",
      `SELECT ${columns}, (SELECT count(*) FROM ${own}.audit_token WHERE audit_token.act = audit.act)::float8 AS tokens
       FROM ${own}.audit WHERE audit.sequence >= $1 ORDER BY audit.sequence LIMIT $2`,
      [next, rowsAtOnce],
    );
    for (const part of partsOf(rows.map((row) => (readEntry(row.entry)?.step === "result" ? { ...row, tokens: 0 } : row)))) {
      const withTokens = part.filter(({ tokens }) => tokens > 0).map(({ act }) => act);
      const hashes = withTokens.length === 0 ? new Map<string, Buffer>() : await tokensOf(database, own, withTokens);
      for (const { tokens, ...row } of part) {
        yield { ...row, tokenHashes: tokens === 0 ? [] : hashesIn(hashes.get(row.act) ?? Buffer.alloc(0)) };
      }
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < rowsAtOnce) return;
    next = last.sequence + 1;
  }
}

function partsOf<Row extends { readonly tokens: number }>(rows: readonly Row[]): readonly (readonly Row[])[] {
  const parts: Row[][] = [];
  let tokens = 0;
  for (const row of rows) {
    if (parts.length === 0 || (tokens > 0 && tokens + row.tokens > tokensAtOnce)) {
      parts.push([]);
      tokens = 0;
    }
    parts.at(-1)?.push(row);
    tokens += row.tokens;
  }
  return parts;
}

async function tokensOf(database: Database, own: string, acts: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const rows = await database.query<{ act: string; hashes: Buffer }>(
    "reading the audit's tokens",
    `SELECT act, string_agg(token_hash, ''::bytea ORDER BY token_hash) AS hashes FROM ${own}.audit_token WHERE act = ANY($1::uuid[]) GROUP BY act`,
    [acts],
  );
  return new Map(rows.map(({ act, hashes }) => [act, hashes]));
}

function hashesIn(bytes: Buffer): readonly Buffer[] {
  return Array.from({ length: bytes.length / tokenHashBytes }, (_, index) =>
    bytes.subarray(index * tokenHashBytes, (index + 1) * tokenHashBytes),
  );
}

/**
 * Acts that have tokens and no row to bind them: someone has put them there. Canonical JSON has the step of an entry once, between its
 * reason and its ticket.
 */
export async function findUnboundTokens(database: Database, schema: string): Promise<readonly string[]> {
  const own = quoteName(schema);
  const sql = `SELECT DISTINCT audit_token.act FROM ${own}.audit_token WHERE NOT EXISTS (
    SELECT FROM ${own}.audit WHERE audit.act = audit_token.act AND strpos(audit.entry, '"step":"result","ticket":') = 0)`;
  return whole(database, "looking for tokens without an act", async (query) =>
    (await query<{ act: string }>(sql)).map(({ act }) => act),
  );
}

/** What to list: what is null holds for any. */
export interface AuditFilter {
  readonly actor: string | null;
  readonly action: string | null;
  readonly since: Date | null;
  readonly tokenHashes: readonly Buffer[] | null;
  readonly limit: number;
}

/** The newest rows that fit, in their order. The text of an entry is canonical: a member of it has one spelling, which is looked for. */
export async function listAudit(database: Database, schema: string, filter: AuditFilter): Promise<readonly AuditRow[]> {
  const own = quoteName(schema);
  const { actor, action, since, tokenHashes, limit } = filter;
  const member = (name: string, value: string | null): string | null =>
    value === null ? null : `,"${name}":${canonicalJson(value)},`;
  const sql = `SELECT ${columns} FROM ${own}.audit WHERE ($1::text IS NULL OR strpos(entry, $1) > 0) AND ($2::text IS NULL OR strpos(entry, $2) > 0)
      AND ($3::text IS NULL OR substring(entry FROM ',"at":"([^"]+)"') COLLATE "C" >= $3)
      AND ($4::bytea[] IS NULL OR act IN (SELECT audit_token.act FROM ${own}.audit_token WHERE token_hash = ANY($4)))
    ORDER BY audit.sequence DESC LIMIT $5`;
  const parameters = [
    member("actor", actor),
    member("action", action),
    since?.toISOString() ?? null,
    tokenHashes === null ? null : [...tokenHashes],
    limit,
  ];
  const rows = await whole(database, "listing the audit", (query) => query<AuditRow>(sql, parameters));
  return rows.toReversed();
}

/** The newest row that each key has signed. */
export async function newestByKey(database: Database, schema: string): Promise<readonly AuditRow[]> {
  const own = quoteName(schema);
  const sql = `SELECT ${columns} FROM ${own}.audit WHERE audit.sequence IN (SELECT max(signed.sequence) FROM ${own}.audit AS signed GROUP BY signed.key_id)`;
  return whole(database, "looking for the audit's keys", (query) => query<AuditRow>(sql));
}

/** Work that may read a whole table. */
function whole<T>(database: Database, doing: string, work: (query: Query) => Promise<T>): Promise<T> {
  return database.transaction(doing, (query) => work(query), { unhurried: true, unfiltered: true });
}
