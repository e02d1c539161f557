import type { ColumnType } from "../contract/column.ts";
import { MasklineError } from "../errors.ts";
import type { AuditKeys } from "../keys/audit-keys.ts";
import type { Opened } from "../masks/mask.ts";
import { type ActFacts, listDigest } from "./audit-entry.ts";
import { beginAct, type Why } from "./govern.ts";
import type { Opener } from "./opener.ts";
import { partialOf } from "./partial-values.ts";
import type { Governance } from "./ports.ts";

/** What is to be opened, and what whoever asks says for it. */
export interface RevealRequest extends Why {
  readonly domain: string;
  readonly type: ColumnType;
  readonly partial: boolean;
  /** For the audit: the column, where the tokens come from, where the values go. */
  readonly details: ActFacts["details"];
}

export interface RevealPorts {
  readonly governance: Governance;
  readonly keys: Pick<AuditKeys, "hashTokens">;
  readonly opener: Opener;
}

/** A token and what it stands for, whole or in part, or why it did not open. */
export type Revealed =
  | { readonly token: string; readonly value: string }
  | { readonly token: string; readonly failure: Extract<Opened, { failure: unknown }>["failure"] };
export type RevealFailure = Extract<Revealed, { failure: unknown }>["failure"];

/** Where the values go. */
export interface RevealedTarget {
  take(revealed: readonly Revealed[]): Promise<void>;
  /** Called once all have been taken; what it throws has not come to anybody whole. */
  finish(): Promise<void>;
}

export interface RevealResult {
  readonly act: string;
  readonly opened: number;
  readonly failures: Readonly<Partial<Record<RevealFailure, number>>>;
}

/** Tokens as they will be asked for: each once, in the order they came. */
export interface FrozenList {
  readonly tokens: readonly string[];
  /** What an approval binds. Does not tell in which order they came: a query may give another one tomorrow. */
  readonly digest: string;
}

/** So many values are in memory at once. */
const batchTokens = 4_096;

export function freezeList(tokens: Iterable<string>): FrozenList {
  const distinct = [...new Set(tokens)];
  return { tokens: distinct, digest: listDigest(distinct.toSorted()).toString("hex") };
}

/**
 * Opens a list for somebody. Nothing is opened before the right is there and the intent is durable; `target` gets the values batch by
 * batch, and what it throws ends the act. What came of it stands in the audit before this returns.
 * @throws MasklineError as `beginAct`, and `interrupted` when `stop` is aborted between two batches
 */
export async function reveal(
  request: RevealRequest,
  list: FrozenList,
  { governance, keys, opener }: RevealPorts,
  target: RevealedTarget,
  stop: AbortSignal,
): Promise<RevealResult> {
  const { tokens } = list;
  if (stop.aborted) throw new MasklineError("interrupted", "stopped before anything was asked for");
  const act = await beginAct(governance, factsOf(request, list), keys.hashTokens(request.domain, tokens), request.approval);
  const failures: Partial<Record<RevealFailure, number>> = {};
  let opened = 0;
  try {
    for (let from = 0; from < tokens.length; from += batchTokens) {
      if (stop.aborted)
        throw new MasklineError("interrupted", `stopped after ${from} of ${tokens.length} tokens; the audit says so`);
      const batch = tokens.slice(from, from + batchTokens);
      const revealed = named(batch, await opener.open(batch), request);
      await target.take(revealed);
      for (const one of revealed) {
        if ("value" in one) opened += 1;
        else failures[one.failure] = (failures[one.failure] ?? 0) + 1;
      }
    }
    await target.finish();
  } catch (error) {
    // a batch that was being shown may have been seen: the intent names its tokens
    await act.fail(error, { opened, failures });
    throw error;
  }
  await act.end({ opened, failures });
  return { act: act.id, opened, failures };
}

function factsOf({ partial, domain, reason, ticket, details }: RevealRequest, { tokens, digest }: FrozenList): ActFacts {
  const action = partial ? "reveal-partial" : "reveal";
  return { action, domain, amount: tokens.length, list: digest, reason, ticket, details };
}

function named(tokens: readonly string[], opened: readonly Opened[], { partial, type }: RevealRequest): readonly Revealed[] {
  const values = opened.flatMap((one) => ("value" in one ? [one.value] : []));
  const shown = partial ? partialOf(values, type) : values;
  let next = 0;
  return tokens.map((token, index): Revealed => {
    const one = opened[index];
    if (one === undefined) return { token, failure: "not_a_token" };
    return "value" in one ? { token, value: shown[next++] as string } : { token, failure: one.failure };
  });
}
