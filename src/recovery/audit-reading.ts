import { type Action, actions, auditFormat, type AuditRow, type BoundTokens, type Step, steps } from "./audit-entry.ts";
import { canonicalJson, type CanonicalValue } from "./canonical-json.ts";

/** An entry as it was written. */
export interface AuditEntry {
  readonly sequence: number;
  readonly previous: string;
  readonly at: string;
  readonly actor: string;
  readonly claimed: string;
  readonly principal: string | null;
  readonly act: string;
  readonly step: Step;
  readonly action: Action;
  readonly domain: string;
  readonly amount: number;
  readonly list: string;
  readonly reason: string;
  readonly ticket: string;
  readonly details: { readonly [name: string]: CanonicalValue };
  readonly outcome: { readonly [name: string]: CanonicalValue } | null;
  readonly tokens: BoundTokens;
}

/** A row of the audit with the hashes of its tokens: all that stands for it in the database. */
export interface KeptRow extends AuditRow {
  readonly tokenHashes: readonly Buffer[];
}

/** As Date writes it: listing compares texts. */
const timeForm = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const texts = ["previous", "at", "actor", "claimed", "act", "domain", "list", "reason", "ticket"] as const;

/**
 * Null where the text is no entry of this format: then it was not written by maskline, or was altered. The canonical form alone counts: in
 * any other one (a member twice, say) a second reader could find something else.
 */
export function readEntry(text: string): AuditEntry | null {
  const value = canonical(text);
  if (!isRecord(value) || value["format"] !== auditFormat) return null;
  const { sequence, amount, step, action, details, outcome, tokens } = value;
  if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(amount)) return null;
  if (texts.some((name) => typeof value[name] !== "string")) return null;
  if (!timeForm.test(value["at"] as string)) return null;
  if (!(value["principal"] === null || typeof value["principal"] === "string")) return null;
  if (!isOneOf(steps, step) || !isOneOf(actions, action)) return null;
  if (!isRecord(details) || !(outcome === null || isRecord(outcome))) return null;
  if (!isRecord(tokens) || !Number.isSafeInteger(tokens["count"]) || typeof tokens["digest"] !== "string") return null;
  return value as unknown as AuditEntry;
}

function canonical(text: string): unknown {
  try {
    const value = JSON.parse(text) as CanonicalValue;
    return canonicalJson(value) === text ? value : null;
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOneOf<T extends string>(allowed: readonly T[], value: unknown): value is T {
  return allowed.some((one) => one === value);
}
