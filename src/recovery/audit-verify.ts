import { type AuditPublicKey, verifySignature } from "../keys/audit-keys.ts";
import type { Anchor } from "./audit-anchor.ts";
import { bindTokens, chainStart, entryHash } from "./audit-entry.ts";
import { type AuditEntry, type KeptRow, readEntry } from "./audit-reading.ts";

/** What is wrong with an audit. None of it happens by itself: someone, or a damaged disk, has altered what was written. */
export type AuditFault = {
  /** Where; null for what stands at no row. */
  readonly sequence: number | null;
  readonly kind: FaultKind;
  readonly says: string;
};

export type FaultKind =
  | "altered" // the hash is not that of the text
  | "unreadable" // no entry of ours
  | "misplaced" // the entry says it stands elsewhere, or is of another act
  | "unlinked" // the entry does not follow the row before it
  | "missing"
  | "out_of_order" // repeated, moved or inserted
  | "forged" // the signature is not of its key
  | "unknown_key" // nobody has said which key that is
  | "tokens" // the hashes beside it are not those it was written with
  | "rewritten" // another hash than the anchor's
  | "cut"; // the anchor is not reached

/** Begun, and neither ended nor failed in order: killed in between, or still going on. No fault of the audit. */
export type OpenAct = {
  readonly act: string;
  readonly sequence: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly domain: string;
};

export interface AuditVerdict {
  readonly rows: number;
  /** The sequence of the first row, and where the chain ends; null where there is no row. */
  readonly first: number | null;
  readonly end: Anchor | null;
  /** The keys that have signed. */
  readonly keyIds: readonly number[];
  readonly open: readonly OpenAct[];
  /** The first of them, in their order; `faultCount` counts all. */
  readonly faults: readonly AuditFault[];
  readonly faultCount: number;
}

export interface Trust {
  readonly publicKeys: readonly AuditPublicKey[];
  /** Each must be met: none before the row that `from` follows. */
  readonly anchors: readonly Anchor[];
  /** The first sequence that is looked for: 1, unless only the rest of an audit is here. */
  readonly from: number;
}

/** A place where a row should be and something else is. */
export interface NoRow {
  readonly place: string;
}

/** More faults are counted, not kept. */
const mostFaults = 10_000;

/**
 * Finds every fault of an audit: rows in their order, as they are kept. What is cut off at the end can only be found by an anchor, and
 * what someone has written anew with the signing key too.
 */
export async function verifyAudit(
  rows: AsyncIterable<KeptRow | NoRow> | Iterable<KeptRow | NoRow>,
  trust: Trust,
): Promise<AuditVerdict> {
  const check = new AuditCheck(trust);
  for await (const row of rows) {
    if ("place" in row) check.noRow(row);
    else check.row(row);
  }
  return check.verdict();
}

class AuditCheck {
  readonly #trust: Trust;
  readonly #faults: AuditFault[] = [];
  #faultCount = 0;
  #actFaultCount = 0;
  #rows = 0;
  #first: number | null = null;
  #next: number;
  /** Of the row before the next; null where that is not here. */
  #hash: Buffer | null;
  readonly #keyIds = new Set<number>();
  readonly #open = new Map<string, OpenAct>();
  readonly #told: readonly Anchor[];
  /** By their sequence. */
  readonly #anchors: ReadonlyMap<number, readonly Anchor[]>;
  readonly #met = new Set<Anchor>();

  constructor(trust: Trust) {
    this.#trust = trust;
    // a row that was told twice is missed once
    this.#told = [
      ...new Map(trust.anchors.map((anchor) => [`${anchor.sequence}:${anchor.hash.toString("hex")}`, anchor])).values(),
    ];
    this.#anchors = Map.groupBy(this.#told, ({ sequence }) => sequence);
    this.#next = trust.from;
    this.#hash = trust.from === 1 ? chainStart : null;
  }

  noRow({ place }: NoRow): void {
    this.#fault(null, "unreadable", `${place} holds no row of an audit`);
  }

  row(row: KeptRow): void {
    const entry = readEntry(row.entry);
    this.#rows += 1;
    this.#first ??= row.sequence;
    this.#text(row, entry);
    this.#signature(row);
    this.#chain(row, entry);
    this.#meet(row.sequence, row.hash);
    if (entry !== null) this.#act(entry);
  }

  verdict(): AuditVerdict {
    const end = this.#first === null || this.#hash === null ? null : { sequence: this.#next - 1, hash: this.#hash };
    for (const anchor of this.#told) {
      if (this.#met.has(anchor)) continue;
      const ends = end === null ? "there is no row" : `the audit ends at ${end.sequence}`;
      this.#fault(anchor.sequence, "cut", `the anchor's row is not here: ${ends}`);
    }
    return {
      rows: this.#rows,
      first: this.#first,
      end,
      keyIds: [...this.#keyIds],
      open: [...this.#open.values()],
      faults: this.#faults,
      faultCount: this.#faultCount,
    };
  }

  /** A row by itself. */
  #text(row: KeptRow, entry: AuditEntry | null): void {
    const { sequence } = row;
    if (!entryHash(row.entry).equals(row.hash)) this.#fault(sequence, "altered", "the hash is not that of the entry");
    if (entry === null) return this.#fault(sequence, "unreadable", "the text is no entry of an audit");
    if (entry.sequence !== sequence) this.#fault(sequence, "misplaced", `the entry was written as ${entry.sequence}`);
    if (entry.act !== row.act) this.#fault(sequence, "misplaced", "the entry is of another act");
    const { count, digest } = bindTokens(row.tokenHashes);
    if (entry.tokens.count !== count) {
      this.#fault(sequence, "tokens", `the entry was written with ${entry.tokens.count} token hashes, ${count} are here`);
    } else if (entry.tokens.digest !== digest) {
      this.#fault(sequence, "tokens", "the token hashes are not those the entry was written with");
    }
  }

  #signature({ sequence, keyId, hash, signature }: KeptRow): void {
    this.#keyIds.add(keyId);
    const keys = this.#trust.publicKeys.filter((key) => key.keyId === keyId || key.keyId === null);
    if (keys.length === 0) return this.#fault(sequence, "unknown_key", `signed with key ${keyId}, whose public key is not known`);
    if (keys.some(({ publicKey }) => verifySignature(publicKey, hash, signature))) return;
    this.#fault(sequence, "forged", `the signature is not of key ${keyId}`);
  }

  #chain({ sequence, hash }: KeptRow, entry: AuditEntry | null): void {
    if (sequence < this.#next) return this.#fault(sequence, "out_of_order", `stands where ${this.#next} should`);
    if (sequence > this.#next) {
      const last = sequence - 1;
      this.#fault(this.#next, "missing", last === this.#next ? "is not here" : `to ${last} are not here`);
    } else if (entry !== null) {
      if (this.#hash !== null && entry.previous !== this.#hash.toString("hex")) {
        this.#fault(sequence, "unlinked", "does not follow the row before it");
      }
      // an anchor of the row before the first that is here
      if (this.#rows === 1) this.#meet(sequence - 1, Buffer.from(entry.previous, "hex"));
    }
    this.#next = sequence + 1;
    this.#hash = hash;
  }

  #meet(sequence: number, hash: Buffer): void {
    for (const anchor of this.#anchors.get(sequence) ?? []) {
      this.#met.add(anchor);
      if (!hash.equals(anchor.hash)) this.#fault(sequence, "rewritten", "has another hash than the anchor");
    }
  }

  /** The database lets nobody append such rows: whoever owns it has. Rows that were altered or removed are faults enough by themselves. */
  #act({ act, step, sequence, at, actor, action, domain }: AuditEntry): void {
    const begun = this.#open.get(act);
    const says = step === "result" ? this.#endFault(begun, actor) : begun === undefined ? null : "the act has begun already";
    if (says !== null && this.#faultCount === this.#actFaultCount) {
      this.#actFaultCount += 1;
      this.#fault(sequence, "misplaced", says);
    }
    if (step === "intent") this.#open.set(act, { act, sequence, at, actor, action, domain });
    if (step === "result") this.#open.delete(act);
  }

  #endFault(begun: OpenAct | undefined, actor: string): string | null {
    if (begun !== undefined) return begun.actor === actor ? null : "ends an act of somebody else";
    // where earlier rows are not here, its beginning may be among them
    return this.#trust.from === 1 ? "ends no act that is open" : null;
  }

  #fault(sequence: number | null, kind: FaultKind, says: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < mostFaults) this.#faults.push({ sequence, kind, says });
  }
}
