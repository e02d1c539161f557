import { createHash } from "node:crypto";

import { tokenHashBytes } from "../keys/audit-keys.ts";
import { type CanonicalValue, canonicalJson } from "./canonical-json.ts";

/** What may be done with personal values; `policy` and `approve` are acts upon the rules. */
export const actions = ["verify", "reveal-partial", "reveal", "erase", "replay", "approve", "policy"] as const;
export type Action = (typeof actions)[number];

/** Of an act upon bodies of the quarantine, and of one in every domain, which no mask can be named like. */
export const quarantineDomain = "quarantine";
export const everyDomain = "*";

/** What an act is about, as whoever asks for it says. Nothing in it is a value: tokens stand as hashes beside it. */
export interface ActFacts {
  readonly action: Action;
  /** What it is about: a domain of tokens, or one of the two above. */
  readonly domain: string;
  /** So many values at most; what limits and approvals count. */
  readonly amount: number;
  /** SHA-256 in hexadecimal digits of the frozen list of tokens, ids or whatever is acted upon. */
  readonly list: string;
  readonly reason: string;
  readonly ticket: string;
  /** What else is to be told: column, table, recipient, counts. */
  readonly details: { readonly [name: string]: CanonicalValue };
}

/** `intent` before anything is opened, `result` after it; `refusal` alone, where there is to be neither. */
export const steps = ["intent", "result", "refusal"] as const;
export type Step = (typeof steps)[number];

/** Where the chain ends, and who is at it: as the database says, while it holds the lock of the end. */
export interface ChainEnd {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly actor: string;
  readonly at: Date;
}

/** What a row of an act tells. */
export interface ToldParts {
  /** The two rows of an act have the same. */
  readonly act: string;
  readonly step: Step;
  readonly facts: ActFacts;
  /** What came of it, or why it was refused. */
  readonly outcome: { readonly [name: string]: CanonicalValue } | null;
}

/** Who asks, as others than the database say. It cannot check them: the policy binds the actor alone. */
export interface Asker {
  /** The operating system's name: recorded, never sufficient. */
  readonly claimed: string;
  /** The ARN that AWS gives whoever opened the ring; null where the ring is none of AWS. */
  readonly principal: string | null;
}

export type EntryParts = ToldParts & Asker;

/** One row of the audit. */
export interface AuditRow {
  readonly sequence: number;
  readonly act: string;
  readonly entry: string;
  readonly hash: Buffer;
  readonly keyId: number;
  readonly signature: Buffer;
}

export const auditFormat = "maskline-audit/1";
export const chainStart: Buffer = Buffer.alloc(32);

/**
 * The text of the entry behind `end`. It binds the hashes that stand beside it: they belong to the first row of an act, so that a list of
 * tokens stands there once.
 * @throws RangeError where a result is given any
 */
export function entryText(
  end: ChainEnd,
  { act, step, facts, outcome, claimed, principal }: EntryParts,
  tokens: BoundTokens,
): string {
  if (step === "result" && tokens.count > 0) throw new RangeError("the tokens of an act stand at its intent");
  return canonicalJson({
    format: auditFormat,
    sequence: end.sequence + 1,
    previous: end.hash.toString("hex"),
    at: end.at.toISOString(),
    actor: end.actor,
    claimed,
    principal,
    act,
    step,
    action: facts.action,
    domain: facts.domain,
    amount: facts.amount,
    list: facts.list,
    reason: facts.reason,
    ticket: facts.ticket,
    details: facts.details,
    outcome,
    tokens,
  });
}

/** What an entry says of the hashes beside it. */
export type BoundTokens = {
  readonly count: number;
  /** SHA-256 over them in ascending order, in hexadecimal digits. */
  readonly digest: string;
};

export function bindTokens(hashes: readonly Uint8Array[]): BoundTokens {
  return bindOrdered(inOrder(hashes));
}

/** The same of hashes that are in order. */
export function bindOrdered(ordered: Buffer): BoundTokens {
  return { count: ordered.length / tokenHashBytes, digest: createHash("sha256").update(ordered).digest("hex") };
}

export const noTokens: BoundTokens = bindTokens([]);

/** Hashes in ascending order, end to end. Texts of one byte a character are ordered as their bytes are, and six times as fast. */
export function inOrder(hashes: readonly Uint8Array[]): Buffer {
  const texts = hashes.map((one) => Buffer.from(one.buffer, one.byteOffset, one.length).toString("latin1"));
  return Buffer.from(texts.sort().join(""), "latin1");
}

export function entryHash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** The digest of a list that an approval binds: of its parts in their order, as JSON, in which no two lists look alike. */
export function listDigest(parts: readonly string[]): Buffer {
  return createHash("sha256").update(JSON.stringify(parts)).digest();
}
