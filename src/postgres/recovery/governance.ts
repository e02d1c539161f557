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
import type { Governance, Permit, TellHead } from "../../recovery/ports.ts";
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
  readonly #principal: string | null;
  readonly #tellHead: TellHead;

  /** @param principal who AWS says is asking; null where the ring is none of AWS */
  constructor(database: Database, schema: string, keys: AuditKeys, principal: string | null, tellHead: TellHead) {
    this.#database = database;
    this.#schema = quoteName(schema);
    this.#keys = keys;
    this.#principal = principal;
    this.#tellHead = tellHead;
  }

  async begin(act: string, facts: ActFacts, tokenHashes: readonly Buffer[], approval: string | null): Promise<Permit> {
    const intent: ToldParts = { act, step: "intent", facts, outcome: null };
    const hashes = inOrder(distinct(tokenHashes));
    const tokens = bindOrdered(hashes);
    // that nothing is told of an act with tokens is looked at when it is over: the entry comes after them
    const untilCommit = `SET CONSTRAINTS ${this.#schema}.audited_act_is_told DEFERRED`;
    const { permit, row } = await this.#written(async (query) => {
      if (tokens.count > 0) {
        await query(untilCommit);
        await query(`SELECT ${this.#schema}.audit_tokens($1, $2)`, [act, hashes]);
      }
      const end = await this.#end(query);
      const said = await this.#permit(query, facts, approval);
      const parts: ToldParts = said === "permitted" ? intent : { ...intent, step: "refusal", outcome: { refused: said } };
      return { permit: said, row: await this.#append(query, end, parts, tokens) };
    });
    this.#tellHead(row);
    return permit;
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

  async requestApproval({ action, domain, amount, list, reason, ticket }: ActFacts): Promise<string> {
    const id = randomUUID();
    await this.#database.query(
      "asking for a second person",
      `SELECT ${this.#schema}.request_approval($1, $2, $3, $4, decode($5, 'hex'), $6, $7, $8)`,
      [id, action, domain, amount, list, reason, ticket, approvalSeconds],
    );
    return id;
  }

  async read(from: number, limit: number): Promise<readonly AuditRow[]> {
    const rows = await this.#database.query<AuditRow>(
      "reading the audit",
      `SELECT sequence::float8 AS sequence, act, entry, hash, key_id::float8 AS "keyId", signature FROM ${this.#schema}.audit
       WHERE sequence >= $1 ORDER BY sequence LIMIT $2`,
      [from, limit],
    );
    return rows;
  }

  async #end(query: Query): Promise<ChainEnd> {
    const [end] = await query<{ sequence: number; hash: Buffer; actor: string; at: Date }>(
      `SELECT sequence::float8 AS sequence, hash, actor, at FROM ${this.#schema}.audit_begin()`,
    );
    if (end === undefined) throw new MasklineError("audit_unwritable", "the audit has no end to append to");
    return end;
  }

  async #permit(query: Query, { action, domain, amount, list }: ActFacts, approval: string | null): Promise<Permit> {
    const [row] = await query<{ permit: Permit }>(`SELECT ${this.#schema}.permit($1, $2, $3, decode($4, 'hex'), $5) AS permit`, [
      action,
      domain,
      amount,
      list,
      approval,
    ]);
    return row?.permit ?? "no_right";
  }

  async #append(query: Query, end: ChainEnd, parts: ToldParts, tokens: BoundTokens): Promise<AuditRow> {
    const entry = entryText(end, { ...parts, claimed: claimedName(), principal: this.#principal }, tokens);
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
