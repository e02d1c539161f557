import { ColumnReader } from "../../contract/column-reader.ts";
import type { Column } from "../../contract/column.ts";
import { compileColumn } from "../../contract/compiled-column.ts";
import { TextColumn } from "../../contract/text-column.ts";
import { MasklineError } from "../../errors.ts";
import { auditKeys } from "../../keys/audit-keys.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { subjectHash } from "../../keys/subject-hash.ts";
import { PostgresErasure, type SubjectRows } from "../../postgres/recovery/erasure.ts";
import type { Certificate } from "../../recovery/certificate.ts";
import { type ErasureRequest, eraseSubject, surveySubject } from "../../recovery/erase.ts";
import type { Survey } from "../../recovery/erasure-store.ts";
import type { ConfiguredColumn } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { isStoredPlain, subjectColumn } from "../config/subject.ts";
import type { Governed } from "./governance.ts";

/** What is asked for, but for whom: that value comes by itself and goes no further than here. */
export interface EraseQuestion extends Pick<ErasureRequest, "nullTokens" | "reason" | "ticket" | "approval"> {
  readonly column: string;
  /** Left out: the usual one. */
  readonly round?: number;
}

/**
 * The column of an erasure, before anybody is asked for a value.
 * @throws MasklineError `usage` where the contract does not know subjects by it, or the tokens to be removed cannot be found by it
 */
export function requireSubject(
  { columns }: Settings,
  { column, nullTokens }: Pick<EraseQuestion, "column" | "nullTokens">,
): ConfiguredColumn {
  const subject = subjectColumn(columns);
  if (subject === null)
    throw new MasklineError("usage", "this contract has no vault mask: there is nothing that an erasure could remove", {
      next: "mask: { kind: vault, domain: ..., subject: COLUMN } keeps originals that can be erased",
    });
  if (subject.column.name !== column)
    throw new MasklineError("usage", `the contract knows subjects by another column than ${column}`, {
      next: `--subject ${subject.column.name}`,
    });
  if (nullTokens && !isStoredPlain(subject))
    throw new MasklineError("usage", `--null-tokens finds rows by their subject, and column ${column} is masked`, {
      next: "erase without --null-tokens; the certificate says what stays",
    });
  return subject;
}

export async function survey(settings: Settings, governed: Governed, question: EraseQuestion, value: string): Promise<Survey> {
  return surveySubject(...(await partsOf(settings, governed, question, value)));
}

export async function erase(settings: Settings, governed: Governed, question: EraseQuestion, value: string): Promise<Certificate> {
  return eraseSubject(...(await partsOf(settings, governed, question, value)));
}

async function partsOf(
  settings: Settings,
  { ring, database, schema, governance }: Governed,
  { round, ...question }: EraseQuestion,
  value: string,
): Promise<Parameters<typeof eraseSubject>> {
  const subject = requireSubject(settings, question);
  const keys = auditKeys(ring);
  if (keys === null) throw new TypeError("the primary of a ring is enabled");
  const canonical = readSubject(subject.column, value);
  const subjects = subjectHashes(ring, subject.column, canonical);
  const [first] = subjects;
  if (first === undefined) throw new TypeError("a ring has an enabled root");
  const store = new PostgresErasure(database, {
    schema,
    subjects,
    rows: subjectRows(settings, subject, canonical),
    ...(round === undefined ? {} : { round }),
  });
  if (question.nullTokens) await store.requireNullable();
  const closedKeyIds = ring.keys.filter(({ status }) => status === "DISABLED").map(({ id }) => id);
  return [
    { governance, store, keys },
    { ...question, subject: first, closedKeyIds },
  ];
}

/** Under every root that can be asked, the primary first: links of an older one stay what they were when another became primary. */
function subjectHashes(ring: KeyRing, { name }: Column, value: string): readonly Buffer[] {
  const enabled = ring.keys.filter(({ status }) => status === "ENABLED").map(({ id }) => id);
  const ids = [ring.primaryId, ...enabled.filter((id) => id !== ring.primaryId)];
  return ids.map((id) => subjectHash(ring.subjectKey(id), name, value));
}

/** Reads what was typed as the contract would read it in an event. @throws MasklineError `value_unfit` */
function readSubject(column: Column, value: string): string {
  const compiled = compileColumn(column);
  if (typeof compiled === "string") throw new TypeError("a contract in use compiles");
  const read = new TextColumn(1);
  const faults = new ColumnReader(column, compiled, null).appendValue(value, read);
  const text = faults === null ? read.at(0) : null;
  read.clear();
  if (text !== null) return text;
  const [fault] = faults ?? [];
  throw new MasklineError("value_unfit", `column ${column.name} takes no such value; nothing was erased`, {
    next: `type ${fault?.expected ?? "a value"}, as an event would carry it`,
  });
}

function subjectRows({ target, columns }: Settings, subject: ConfiguredColumn, value: string): SubjectRows | null {
  if (target === null || !isStoredPlain(subject)) return null;
  const tokenColumns = columns.flatMap(({ column, mask }) => (mask?.kind === "vault" ? [column.name] : []));
  return { table: target, column: subject.column.name, value, tokenColumns };
}
