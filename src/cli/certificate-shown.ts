import type { ReadCertificate } from "../recovery/certificate-reading.ts";
import { count, showable } from "./table.ts";

/** A certificate that was found as it was signed, for people: what it states, and nothing that it does not. */
export function certificateLines({ signed, states }: ReadCertificate): readonly string[] {
  const { subject, actor, reason, ticket, startedAt, finishedAt, removed, remains } = states;
  return [
    `the certificate is as it was signed, with key ${signed.keyId}: erasure ${states.erasure}`,
    `subject: column ${subject.column}, hash ${subject.hash}`,
    `by ${actor}, ${startedAt} to ${finishedAt}; ticket ${ticket}: ${reason}`,
    `removed: ${Object.entries(removed)
      .map(([what, n]) => `${what} ${count(n)}`)
      .join(", ")}`,
    ...remains.map(({ what, count: n, columns, why }) => {
      const where = columns === undefined ? "" : ` in ${columns.join(", ")}`;
      return `remains: ${what}${where}${n === null ? "" : ` (${count(n)})`}: ${why}`;
    }),
  ].map(showable);
}

export interface CertificateDocument extends Readonly<Record<string, unknown>> {
  /** The row of the audit that names it; null where no audit was looked at. */
  readonly recorded: number | null;
}

export function certificateDocument({ signed, states }: ReadCertificate, recorded: number | null): CertificateDocument {
  const { erasure, act, actor, reason, ticket, subject, startedAt, finishedAt, removed, remains } = states;
  const { hash, keyId } = signed;
  return { erasure, act, actor, reason, ticket, subject, startedAt, finishedAt, removed, remains, hash, keyId, recorded };
}
