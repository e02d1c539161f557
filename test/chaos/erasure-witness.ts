import { isDeepStrictEqual } from "node:util";

import type { Admin } from "./admin.ts";
import type { Bench } from "./scenario.ts";

const triggers = {
  links: "DELETE ON maskline.vault_link FOR EACH ROW",
  originals: "DELETE ON maskline.vault FOR EACH ROW",
  bodies: "DELETE ON maskline.quarantine FOR EACH ROW",
  rowsNulled: "UPDATE ON public.user_logins FOR EACH ROW WHEN (OLD.masked_mail IS NOT NULL AND NEW.masked_mail IS NULL)",
  finished: "UPDATE ON maskline.erasure FOR EACH ROW WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)",
  changed: "UPDATE ON maskline.erasure FOR EACH ROW WHEN (OLD.finished_at IS NOT NULL)",
  counted: "UPDATE ON maskline.erasure FOR EACH ROW",
} as const;

/** Writes down what goes, in the transactions in which it goes: the database's own word of it, beside what an erasure counts of itself. */
export async function watchErasures(admin: Admin): Promise<void> {
  await admin.query("CREATE TABLE public.witness (tx bigint NOT NULL, what text NOT NULL, erasure uuid)");
  for (const [what, when] of Object.entries(triggers)) {
    const erasure = when.includes("maskline.erasure") ? "NEW.id" : "NULL";
    await admin.query(`CREATE FUNCTION public.witness_${what}() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO public.witness VALUES (txid_current(), '${what}', ${erasure}); RETURN NULL; END $$`);
    await admin.query(`CREATE TRIGGER witness_${what} AFTER ${when} EXECUTE PROCEDURE public.witness_${what}()`);
  }
}

interface Erasure {
  readonly id: string;
  readonly subject: string;
  readonly unfinished: boolean;
  readonly certificate: string | null;
  readonly links: number;
  readonly originals: number;
  readonly bodies: number;
  readonly rowsNulled: number;
  readonly finished: number;
  readonly changed: number;
}

interface Certificate {
  readonly certificate: { readonly erasure: string; readonly subject: { readonly hash: string }; readonly removed: unknown };
}

/**
 * Each erasure came to one end, and its certificate counts what went in its transactions, no more and no less.
 * @param printed certificates as they were printed
 * @returns how much went, in all
 */
export async function judgeErasures(
  bench: Bench,
  admin: Admin,
  printed: readonly string[],
): Promise<Pick<Erasure, "links" | "originals" | "bodies" | "rowsNulled">> {
  const gone = (what: string): string => `(count(*) FILTER (WHERE what = '${what}'))::int`;
  const erasures = await admin.query<Erasure & Record<string, unknown>>(
    `SELECT id, encode(subject, 'hex') AS subject, finished_at IS NULL AS unfinished, certificate, sums.*
     FROM maskline.erasure CROSS JOIN LATERAL (
       SELECT ${gone("links")} AS links, ${gone("originals")} AS originals, ${gone("bodies")} AS bodies, ${gone("rowsNulled")} AS "rowsNulled",
              ${gone("finished")} AS finished, ${gone("changed")} AS changed
       FROM public.witness WHERE tx IN (SELECT tx FROM public.witness AS own WHERE own.erasure = maskline.erasure.id)) AS sums`,
  );
  const certificates = new Map<string, string>();
  for (const { id, subject, unfinished, certificate, finished, changed, links, originals, bodies, rowsNulled } of erasures) {
    if (unfinished || certificate === null) {
      bench.fail("an erasure did not come to its end");
      continue;
    }
    if (finished !== 1 || changed !== 0) bench.fail(`an erasure ended ${finished} times and changed ${changed} times after that`);
    const stated = (JSON.parse(certificate) as Certificate).certificate;
    const went = { links, originals, bodies, rowsNulled };
    if (!isDeepStrictEqual(stated.removed, went))
      bench.fail(`a certificate states ${JSON.stringify(stated.removed)}, what went is ${JSON.stringify(went)}`);
    if (stated.subject.hash !== subject || stated.erasure !== id) bench.fail("a certificate is of another erasure");
    certificates.set(id, certificate);
  }
  for (const text of printed) {
    const certificate = JSON.parse(text) as Certificate;
    const kept = certificates.get(certificate.certificate.erasure);
    if (kept === undefined || !isDeepStrictEqual(JSON.parse(kept), certificate))
      bench.fail("a certificate that was printed is not the one that is kept");
  }
  const [strays] = await admin.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM public.witness WHERE erasure IS NULL AND tx NOT IN (
       SELECT tx FROM public.witness WHERE erasure IS NOT NULL)`,
  );
  if (strays === undefined || strays.count > 0) bench.fail(`${strays?.count} removals belong to no erasure`);
  const sum = (name: "links" | "originals" | "bodies" | "rowsNulled"): number =>
    erasures.reduce((total, erasure) => total + erasure[name], 0);
  return { links: sum("links"), originals: sum("originals"), bodies: sum("bodies"), rowsNulled: sum("rowsNulled") };
}
