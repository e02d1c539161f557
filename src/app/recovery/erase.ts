import type { Column } from "../../contract/column.ts";
import { contractHash } from "../../contract/contract-hash.ts";
import { MasklineError } from "../../errors.ts";
import type { KeyRing } from "../../keys/ring.ts";
import { subjectHash } from "../../keys/subject-hash.ts";
import { maskFacts } from "../../masks/mask.ts";
import { PostgresErasure } from "../../postgres/recovery/erasure.ts";
import type { MaskedPlace, SubjectPlace } from "../../postgres/recovery/subject-rows.ts";
import type { Certificate } from "../../recovery/certificate.ts";
import { type ErasureRequest, eraseSubject, surveySubject } from "../../recovery/erase.ts";
import type { Survey } from "../../recovery/erasure-store.ts";
import type { Why } from "../../recovery/govern.ts";
import type { ConfiguredColumn } from "../config/configured-column.ts";
import type { Settings } from "../config/load.ts";
import { isStoredPlain, subjectColumn } from "../config/subject.ts";
import type { Governed } from "./governance.ts";
import { canonicalValue } from "./read-value.ts";
import { type KeyedPlace, keyedPlaces, tokenFinder } from "./recoverable.ts";

/** What is asked for, but for whom: that value comes by itself and goes no further than here. */
export interface EraseQuestion extends Why, Pick<ErasureRequest, "nullTokens"> {
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
  { ring, keys, database, schema, governance }: Governed,
  { round, ...question }: EraseQuestion,
  value: string,
): Promise<Parameters<typeof eraseSubject>> {
  const subject = requireSubject(settings, question);
  const canonical = canonicalValue({ place: subject.column.name, read: subject.column, sought: null }, value);
  const subjects = subjectHashes(ring, subject.column, canonical);
  const [first] = subjects;
  if (first === undefined) throw new TypeError("a ring has an enabled root");
  const store = new PostgresErasure(database, {
    schema,
    subjects,
    rows: subjectPlace(settings, subject, canonical),
    places: keyedPlaces(settings).map(maskedPlace),
    contractHash: contractHash(settings.contract),
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

function subjectPlace({ target }: Settings, subject: ConfiguredColumn, value: string): SubjectPlace | null {
  return target === null || !isStoredPlain(subject) ? null : { table: target, column: subject.column.name, value };
}

function maskedPlace(placed: KeyedPlace): MaskedPlace {
  const { place, column, mask } = placed;
  return { place, column: column.name, reversible: maskFacts[mask.kind].reversible, find: tokenFinder(placed) };
}
