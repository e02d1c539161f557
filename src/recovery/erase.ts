import { MasklineError } from "../errors.ts";
import type { AuditKeys } from "../keys/audit-keys.ts";
import { type ActFacts, everyDomain, listDigest } from "./audit-entry.ts";
import type { CanonicalValue } from "./canonical-json.ts";
import { type Certificate, certificateFormat, signCertificate } from "./certificate.ts";
import type { ErasureStore, Survey, Tally } from "./erasure-store.ts";
import { beginAct, type Why } from "./govern.ts";
import type { Governance } from "./ports.ts";

export interface ErasureRequest extends Why {
  /** The column that says whose a row is. */
  readonly column: string;
  /** The keyed hash of whom it is about, under the primary root; in the audit, and in the certificate. */
  readonly subject: Buffer;
  readonly nullTokens: boolean;
  /** Roots under which the subject may be known too, and which cannot be asked. */
  readonly closedKeyIds: readonly number[];
}

interface Parts {
  readonly governance: Governance;
  readonly store: ErasureStore;
  readonly keys: AuditKeys;
}

/** What an erasure would remove; an act of its own, and counted as one value, as it tells whether somebody is known. */
export async function surveySubject({ governance, store, keys }: Parts, request: ErasureRequest): Promise<Survey> {
  const survey = await store.survey();
  const facts = factsOf(request, survey);
  const act = await beginAct(
    governance,
    { ...facts, amount: 1, details: { ...facts.details, dryRun: true } },
    hashes(keys, survey),
    request.approval,
  );
  await act.end({ tokens: survey.tokens.length, bodies: survey.bodies.length });
  return survey;
}

/**
 * Removes what is known of one subject, in transactions of their own: killed at any moment and called again it goes on, and its certificate
 * counts all of it. Loads go on meanwhile; what they bring after the last look is new.
 */
export async function eraseSubject({ governance, store, keys }: Parts, request: ErasureRequest): Promise<Certificate> {
  const survey = await store.survey();
  const act = await beginAct(governance, factsOf(request, survey), hashes(keys, survey), request.approval).catch(
    (error: unknown) => {
      throw survey.unfinished ? ofWhatIsLeft(error) : error;
    },
  );
  try {
    const id = await store.begin();
    // bodies first: one that is replayed until then is a row with links, which go after it
    for (let more = true; more;) more = await store.removeBodies(id, act.id);
    if (request.nullTokens) await store.nullTokens(id);
    for (let more = true; more;) more = await store.removeLinks(id);
    const { startedAt, now, actor, ...removed } = await store.tally(id);
    const left = await store.survey();
    const certificate = signCertificate(keys, {
      format: certificateFormat,
      erasure: id,
      act: act.id,
      actor,
      reason: request.reason,
      ticket: request.ticket,
      subject: { column: request.column, hash: request.subject.toString("hex") },
      startedAt: startedAt.toISOString(),
      finishedAt: now.toISOString(),
      removed: { links: removed.links, originals: removed.originals, bodies: removed.bodies, rowsNulled: removed.rowsNulled },
      remains: remains(request, removed, left),
    });
    // told first: one that cannot be told stays unfinished, and the next call has its certificate
    await act.end({ ...removed, erasure: id, certificate: certificate.hash });
    await store.finish(id, JSON.stringify(certificate), removed);
    return certificate;
  } catch (error) {
    await act.fail(error);
    throw error;
  }
}

/** An approval is of one list and used once: one that a killed call has used is not that of the rest. */
function ofWhatIsLeft(error: unknown): unknown {
  if (!(error instanceof MasklineError) || (error.code !== "approval_unfit" && error.code !== "approval_needed")) return error;
  const { code, message, next = "" } = error;
  const details = [
    ...error.details,
    "an erasure of this subject was begun and has not ended: what is left is another list, and asks for its own approval",
  ];
  return new MasklineError(code, message, { details, next });
}

function factsOf({ column, subject, nullTokens, reason, ticket }: ErasureRequest, { tokens, bodies }: Survey): ActFacts {
  const whose = subject.toString("hex");
  const list = [whose, ...tokens.map(({ domain, token }) => JSON.stringify([domain, token])), ...bodies, String(nullTokens)];
  return {
    action: "erase",
    // somebody's values are erased wherever they are
    domain: everyDomain,
    // that somebody is not known is an answer too
    amount: Math.max(1, tokens.length + bodies.length),
    list: listDigest(list).toString("hex"),
    reason,
    ticket,
    details: { column, subject: whose, nullTokens },
  };
}

function hashes(keys: AuditKeys, { tokens }: Survey): readonly Buffer[] {
  return tokens.map(({ domain, token }) => keys.hashToken(domain, token));
}

interface Remnant {
  readonly what: string;
  /** Null: nobody here can count it. */
  readonly count: number | null;
  readonly why: string;
  /** Where it stands. */
  readonly columns?: readonly string[];
  /** Whether there is any: left out, where it is for sure, or where columns say so. */
  readonly there?: boolean;
}

/** What an erasure does not reach, and why. */
function remains({ nullTokens, closedKeyIds }: ErasureRequest, { shared }: Tally, left: Survey): readonly CanonicalValue[] {
  const reach = reachOf(nullTokens, left);
  const all: readonly Remnant[] = [
    {
      what: "originals shared with others",
      count: shared,
      why: "they are values of other subjects too, and open for those",
      there: shared > 0,
    },
    {
      what: "one-way tokens in the subject's rows",
      count: left.oneWay.rows,
      columns: left.oneWay.columns,
      why: `without an original they open to nothing, but whoever holds the mask's key can still confirm a guess; ${reach}`,
    },
    {
      what: "tokens of masks that open without the vault",
      count: left.reversible.rows,
      columns: left.reversible.columns,
      why: `in the subject's rows: whoever holds the key ring opens them as before; ${reach}`,
    },
    {
      what: "the subject's rows",
      count: left.rows,
      why: "rows of the target table belong to its owner, the unmasked columns in them too",
      there: left.rows !== 0,
    },
    {
      what: "refused messages that do not say whose they are",
      count: left.unnamedBodies,
      why: "they were refused before subjects were kept, are of a contract without a vault, or could not be read",
      there: left.unnamedBodies > 0,
    },
    {
      what: "links that came meanwhile",
      count: left.tokens.length,
      why: "events of the subject were loaded while it was erased",
      there: left.tokens.length > 0,
    },
    {
      what: "what is known under keys that are not enabled",
      count: null,
      why: `root keys ${closedKeyIds.join(", ")} of the ring cannot be asked: enable them and erase again`,
      there: closedKeyIds.length > 0,
    },
    {
      what: "backups and replicas of the database",
      count: null,
      why: "those made before hold what was removed until they are gone",
    },
    {
      what: "messages in queues and files",
      count: null,
      why: "sources are not the database's; a message that comes again is loaded again",
    },
    { what: "the audit", count: null, why: "it keeps keyed hashes of the subject and its tokens for good" },
  ];
  return all
    .filter(({ columns, there = columns?.length !== 0 }) => there)
    .map(({ what, count, why, columns }) => (columns === undefined ? { what, count, why } : { what, count, columns, why }));
}

function reachOf(nullTokens: boolean, { rows }: Survey): string {
  if (rows === null) return "the table does not say whose a row is, so that they cannot be found";
  if (nullTokens)
    return "--null-tokens has removed those of whole columns; those inside documents and texts stay, as do those of rows loaded since";
  return "--null-tokens removes those of whole columns, and none inside documents and texts";
}
