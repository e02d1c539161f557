import type { AuditKeys } from "../keys/audit-keys.ts";
import { readToken } from "../masks/token.ts";
import { type ActFacts, listDigest } from "./audit-entry.ts";
import { beginAct, type Why } from "./govern.ts";
import type { Governance } from "./ports.ts";

/** One value's token under one key. */
export interface KeyToken {
  readonly keyId: number;
  readonly token: string;
}

/** Rows that carry a token. The days are null where no column holds the sent time. */
export interface TokenRows {
  readonly token: string;
  readonly rows: number;
  readonly firstDay: string | null;
  readonly lastDay: string | null;
}

export interface VerifyRequest extends Why {
  readonly domain: string;
  /** The value's tokens under every enabled key. */
  readonly tokens: readonly KeyToken[];
  /** Asked whether it is one of them; null to look only. */
  readonly asked: string | null;
  /** Whether tokens say their key. */
  readonly tagged: boolean;
  /** Whether no key of the ring is missing among `tokens`. */
  readonly complete: boolean;
  readonly details: ActFacts["details"];
}

export interface VerifyPorts {
  readonly governance: Governance;
  readonly keys: Pick<AuditKeys, "hashTokens">;
  /** Counts the rows that carry any of these tokens, a line for each token that some do. */
  readonly countRows: (tokens: readonly string[]) => Promise<readonly TokenRows[]>;
}

export interface VerifyResult {
  readonly act: string;
  readonly tokens: readonly (KeyToken & Omit<TokenRows, "token">)[];
  /** Whether what was asked for is one of them; null when nothing was, or when it is, or may be, of a key that is not at hand. */
  readonly matches: boolean | null;
}

/**
 * Whether a token is this value's, and where it stands. Whoever may ask this often enough finds out any value of a small domain: so it
 * needs a right, is counted, and is told, as one value. No answer is given, nor a row counted, before that.
 */
export async function verify(request: VerifyRequest, { governance, keys, countRows }: VerifyPorts): Promise<VerifyResult> {
  const { domain, tokens, asked, reason, ticket, details } = request;
  const own = tokens.map(({ token }) => token);
  const list = listDigest([...own, ...(asked === null ? [] : [asked])]).toString("hex");
  const facts: ActFacts = { action: "verify", domain, amount: 1, list, reason, ticket, details };
  const about = new Set(asked === null ? own : [...own, asked]);
  const act = await beginAct(governance, facts, keys.hashTokens(domain, [...about]), request.approval);
  let found: readonly TokenRows[];
  try {
    found = await countRows(own);
  } catch (error) {
    await act.fail(error, { answered: false });
    throw error;
  }
  const matches = asked === null || mayBeOfAnotherKey(request, asked) ? null : own.includes(asked);
  await act.end({ answered: true, matches, rows: found.reduce((sum, { rows }) => sum + rows, 0) });
  const none = { rows: 0, firstDay: null, lastDay: null };
  return {
    act: act.id,
    matches,
    tokens: tokens.map((each) => ({ ...each, ...(found.find(({ token }) => token === each.token) ?? none), token: each.token })),
  };
}

/** Of such a token nothing can be told: the value's token under its key is not among these. */
function mayBeOfAnotherKey({ tagged, complete, tokens }: VerifyRequest, asked: string): boolean {
  if (!tagged) return !complete && !tokens.some(({ token }) => token === asked);
  const keyId = readToken(asked)?.keyId ?? null;
  return keyId !== null && !tokens.some((own) => own.keyId === keyId);
}
