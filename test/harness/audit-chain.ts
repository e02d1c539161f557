import { randomUUID } from "node:crypto";

import type { AuditKeys } from "../../src/keys/audit-keys.ts";
import {
  type ActFacts,
  bindTokens,
  type ChainEnd,
  chainStart,
  entryHash,
  entryText,
  type Step,
} from "../../src/recovery/audit-entry.ts";
import type { KeptRow } from "../../src/recovery/audit-reading.ts";
import { actFacts } from "./governed-database.ts";

/** A row to be appended: what it is of, and what it is told with. */
export interface Told {
  readonly act?: string;
  readonly step?: Step;
  readonly facts?: Partial<ActFacts>;
  readonly tokenHashes?: readonly Buffer[];
  readonly keys?: AuditKeys;
  readonly principal?: string | null;
}

/** A chain as PostgresGovernance writes it, without a database. */
export function auditChain(keys: AuditKeys, told: readonly Told[]): readonly KeptRow[] {
  const rows: KeptRow[] = [];
  let end: ChainEnd = { sequence: 0, hash: chainStart, actor: "officer", at: new Date(Date.UTC(2026, 10, 21)) };
  for (const {
    act = randomUUID(),
    step = "intent",
    facts = {},
    tokenHashes = [],
    keys: signing = keys,
    principal = null,
  } of told) {
    const outcome = step === "intent" ? null : { opened: 1 };
    const parts = { act, step, facts: actFacts(facts), outcome, claimed: "somebody", principal };
    const entry = entryText(end, parts, bindTokens(tokenHashes));
    const hash = entryHash(entry);
    const sequence = end.sequence + 1;
    rows.push({ sequence, act, entry, hash, keyId: signing.keyId, signature: signing.sign(hash), tokenHashes });
    end = { ...end, sequence, hash, at: new Date(end.at.getTime() + 1_000) };
  }
  return rows;
}
