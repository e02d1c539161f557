import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";

import { MasklineError } from "../../errors.ts";
import type { AuditKeys } from "../../keys/audit-keys.ts";
import {
  type ActFacts,
  type AuditRow,
  bindOrdered,
  type BoundTokens,
  type ChainEnd,
  entryHash,
  entryText,
  inOrder,
  noTokens,
  type ToldParts,
} from "../../recovery/audit-entry.ts";
import { type CanonicalValue, canonicalJson } from "../../recovery/canonical-json.ts";
import { toldFacts } from "../../recovery/govern.ts";
import type { Governance, Intent, Permit, TellHead } from "../../recovery/ports.ts";
import type { Database, Query } from "../database.ts";
import { quoteName } from "../names.ts";

/** How long an approval may be used, from when it was asked for. */
const approvalSeconds = 24 * 3_600;

/** Appends one row to the audit, within the transaction it is given in. */
export type Tell = (parts: ToldParts) => Promise<void>;

/** Policy and audit in the database, through the functions of migration 7: whoever calls them can do nothing else with either. */
export class PostgresGovernance implements Governance {
  readonly #database: Database;
  readonly #schema: string;
  readonly #keys: AuditKeys;
  /** Who AWS says is asking; null where the ring is none of AWS. */
  readonly principal: string | null;
  readonly #tellHead: TellHead;

  /** @param principal who AWS says is asking; null where the ring is none of AWS */
  constructor(database: Database, schema: string, keys: AuditKeys, principal: string | null, tellHead: TellHead) {
    this.#database = database;
    this.#schema = quoteName(schema);
    this.#keys = keys;
    this.principal = principal;
    this.#tellHead = tellHead;
  }

  async begin(intents: readonly Intent[]): Promise<readonly Permit[]> {
    const bound = intents.map((intent) => {
      const hashes = inOrder(distinct(intent.tokenHashes));
      return { intent, hashes, tokens: bindOrdered(hashes) };
    });
    const { permits, rows } = await this.#written(async (query) => {
      // that nothing is told of an act with tokens is looked at when it is over: the entry comes after them
      if (bound.some(({ tokens }) => tokens.count > 0)) await query(`SET CONSTRAINTS ${this.#schema}.audited_act_is_told DEFERRED`);
      for (const { intent, hashes, tokens } of bound) {
        if (tokens.count > 0) await query(`SELECT ${this.#schema}.audit_tokens($1, $2)`, [intent.act, hashes]);
      }
      let end = await this.#end(query);
      const said = await this.#permitAll(query, intents);
      const isPermitted = said.every((permit) => permit === "permitted");
      const told: AuditRow[] = [];
      for (const [index, { intent, tokens }] of bound.entries()) {
        const { act } = intent;
        const refused = said[index] === "permitted" ? "together" : (said[index] ?? "no_right");
        const facts = toldFacts(intent);
        const parts: ToldParts = isPermitted
          ? { act, step: "intent", facts, outcome: null }
          : { act, step: "refusal", facts, outcome: { refused } };
        const row = await this.#append(query, end, parts, tokens);
        told.push(row);
        end = { ...end, sequence: row.sequence, hash: row.hash };
      }
      return { permits: said, rows: told };
    });
    for (const row of rows) this.#tellHead(row);
    return permits;
  }

  async append(parts: ToldParts): Promise<void> {
    const write = async (query: Query): Promise<AuditRow> => this.#append(query, await this.#end(query), parts, noTokens);
    this.#tellHead(await this.#written(write, parts));
  }

  /**
   * Work that is one with what the audit tells of it, under the lock of the chain's end: both are durable when this resolves, or neither.
   * @throws MasklineError `audit_unwritable` where it cannot be told; else whatever the work throws
   */
  async together<T>(work: (query: Query, tell: Tell) => Promise<T>): Promise<T> {
    const rows: AuditRow[] = [];
    let telling = true;
    try {
      const result = await this.#database.transaction("changing what the audit tells of", async (query) => {
        // before any other lock, as whoever is permitted something does: two that wait for each other would both be refused
        await this.#end(query);
        telling = false;
        return work(query, async (parts) => {
          telling = true;
          rows.push(await this.#append(query, await this.#end(query), parts, noTokens));
          telling = false;
        });
      });
      for (const row of rows) this.#tellHead(row);
      return result;
    } catch (error) {
      throw telling ? unwritable(error) : error;
    }
  }

  async requestApproval(facts: ActFacts): Promise<string> {
    const id = randomUUID();
    await this.#database.query("asking for a second person", `SELECT ${this.#schema}.request_approval($1, $2, $3, $4)`, [
      id,
      canonicalJson(asked(facts)),
      this.principal,
      approvalSeconds,
    ]);
    return id;
  }

  async #end(query: Query): Promise<ChainEnd> {
    const [end] = await query<{ sequence: number; hash: Buffer; actor: string; at: Date }>(
      `SELECT sequence::float8 AS sequence, hash, actor, at FROM ${this.#schema}.audit_begin()`,
    );
    if (end === undefined) throw new MasklineError("audit_unwritable", "the audit has no end to append to");
    return end;
  }

  /** Where one of several is refused, nothing of the others is counted. */
  async #permitAll(query: Query, intents: readonly Intent[]): Promise<readonly Permit[]> {
    if (intents.length > 1) await query("SAVEPOINT asking");
    const permits: Permit[] = [];
    for (const { facts, approval } of intents) {
      const [row] = await query<{ permit: Permit }>(`SELECT ${this.#schema}.permit($1, $2) AS permit`, [
        canonicalJson(asked(facts)),
        approval,
      ]);
      permits.push(row?.permit ?? "no_right");
    }
    if (intents.length > 1 && permits.some((permit) => permit !== "permitted")) await query("ROLLBACK TO SAVEPOINT asking");
    return permits;
  }

  async #append(query: Query, end: ChainEnd, parts: ToldParts, tokens: BoundTokens): Promise<AuditRow> {
    const entry = entryText(end, { ...parts, claimed: claimedName(), principal: this.principal }, tokens);
    const hash = entryHash(entry);
    const { keyId } = this.#keys;
    const signature = this.#keys.sign(hash);
    await query(`SELECT ${this.#schema}.audit_append($1, $2, $3, $4, $5)`, [parts.act, entry, hash, keyId, signature]);
    return { sequence: end.sequence + 1, act: parts.act, entry, hash, keyId, signature };
  }

  /** What cannot be told may not be done, whatever the reason: no right to the functions, a standby, a lock that does not come, a full disk. */
  async #written<T>(work: (query: Query) => Promise<T>, told: Pick<ToldParts, "act" | "step"> | null = null): Promise<T> {
    try {
      return await this.#database.transaction("writing the audit", (query) => work(query));
    } catch (error) {
      throw told?.step === "result" ? endUntold(error, told.act) : unwritable(error);
    }
  }
}

/** What is no error of ours stays as it is. */
function unwritable(error: unknown): unknown {
  if (!(error instanceof MasklineError) || error.code === "audit_unwritable") return error;
  return new MasklineError("audit_unwritable", `the audit could not be written (${error.message}); nothing was shown or changed`, {
    next: "maskline migrate --grants prints the rights that a role needs; as long as the audit cannot be written nothing is opened",
  });
}

/** Too late to do nothing: the intent stands, and counts as done. */
function endUntold(error: unknown, act: string): unknown {
  if (!(error instanceof MasklineError)) return error;
  return new MasklineError(
    "audit_unwritable",
    `the audit has the intent of this act, and could not be told what came of it (${error.message})`,
    { next: `tell whoever keeps the audit: act ${act} has an intent without a result, and counts as done` },
  );
}

/** What an approval binds, as the functions of migration 7 take it. */
function asked({ action, domain, amount, list, reason, ticket, details }: ActFacts): CanonicalValue {
  return { action, domain, amount, list, reason, ticket, details };
}

function distinct(hashes: readonly Buffer[]): readonly Buffer[] {
  return [...new Map(hashes.map((one) => [one.toString("latin1"), one])).values()];
}

function claimedName(): string {
  try {
    return userInfo().username;
  } catch {
    return "";
  }
}
