import { withDatabase } from "../../app/assemble-sink.ts";
import { erase as eraseSubject, type EraseQuestion, requireSubject, survey } from "../../app/recovery/erase.ts";
import { MasklineError } from "../../errors.ts";
import { readCertificateOf } from "../../postgres/recovery/erasure.ts";
import { everyDomain } from "../../recovery/audit-entry.ts";
import type { Certificate } from "../../recovery/certificate.ts";
import type { HeldTokens, Survey } from "../../recovery/erasure-store.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { attemptedOn, explainedAct } from "../explained-act.ts";
import { explainedFlags, idForm } from "../explained.ts";
import type { Output } from "../output.ts";
import { readPersonalValue } from "../personal-value.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

export const erase: Command = {
  flags: {
    ...configFlags,
    subject: { value: "COLUMN", doc: "the column that says whose a row is; its value is typed unseen, or comes on stdin" },
    ...explainedFlags,
    "null-tokens": { doc: "also make NULL of the tokens in the subject's rows: of every keyed mask of a whole column" },
    "dry-run": { doc: "say what there is, remove nothing; audited all the same" },
    certificate: { value: "ERASURE", doc: "print the certificate of an erasure that has ended once more; needs nothing else" },
  },
  about: `Erases one person from the vault: whose links go, and every original that is nobody else's; refused messages of that person; with
--null-tokens the tokens in that person's rows, of the vault and of every other keyed mask, except inside documents and texts. Values that
others share still open for those. Interrupt or kill it at any time: the same call goes on from there. An approval is of one list, once:
where what is left still needs one, call without --approval, and a second person approves what is left. Prints a signed certificate of
what was removed, what remains, and why. Wants the right to erase (maskline policy).`,
  examples: [
    ["maskline erase --subject user_id --reason 'request under article 17' --ticket DPO-41 --dry-run", "what there is of somebody"],
    ["maskline erase --subject user_id --reason 'request under article 17' --ticket DPO-41 > certificate.json", "the erasure"],
  ],
  async run(call) {
    const { output } = call;
    const ended = call.text("certificate");
    if (ended !== null) return printAgain(call, ended);
    const column = call.text("subject");
    if (column === null)
      throw new MasklineError("usage", "names no subject", { next: "--subject COLUMN, the vault masks' subject" });
    const settings = settingsOf(call);
    const [nullTokens, dryRun] = [call.has("null-tokens"), call.has("dry-run")];
    const known = settings.columns.some((one) => one.column.name === column);
    const attempt = {
      action: "erase",
      domain: everyDomain,
      details: { column: known ? column : null, nullTokens, dryRun },
    } as const;
    await attemptedOn(call, settings, attempt, () => requireSubject(settings, { column, nullTokens }));
    await explainedAct(call, settings, attempt, async (governed, explained) => {
      const question: EraseQuestion = { column, nullTokens, ...explained };
      const value = await readPersonalValue(`whose ${column}`);
      if (dryRun) return showSurvey(output, await survey(settings, governed, question, value));
      conclude(output, await eraseSubject(settings, governed, question, value));
    });
  },
};

/** It names nobody, and opens nothing. */
async function printAgain(call: Call, id: string): Promise<void> {
  const certificate = idForm.test(id)
    ? await withDatabase(settingsOf(call), (database, schema) => readCertificateOf(database, schema, id))
    : null;
  if (certificate === null) {
    throw new MasklineError("not_found", "no erasure of this id has ended", {
      next: "--subject COLUMN --dry-run shows those of a subject; the audit names each (outcome.erasure)",
    });
  }
  call.output.document(JSON.parse(certificate) as Certificate);
}

function showSurvey(output: Output, found: Survey): void {
  const { tokens, bodies, rows, oneWay, reversible, unnamedBodies, ended, unfinished } = found;
  const alone = tokens.filter((token) => token.alone).length;
  if (output.json)
    return output.document({
      tokens: tokens.length,
      originals: alone,
      shared: tokens.length - alone,
      bodies: bodies.length,
      rows,
      oneWay,
      reversible,
      unnamedBodies,
      ended,
      unfinished,
    });
  output.data(
    `values in the vault: ${count(tokens.length)}, ${count(alone)} of nobody else, ${count(tokens.length - alone)} shared with others`,
  );
  output.data(`refused messages: ${count(bodies.length)}; others that do not say whose they are: ${count(unnamedBodies)}`);
  output.data(rows === null ? "rows cannot be found: their subject is masked" : `rows of the table: ${count(rows)}`);
  output.data(`rows with one-way tokens: ${held(oneWay)}`);
  output.data(`rows with tokens that open without the vault: ${held(reversible)}`);
  for (const id of ended) output.data(`erased before: maskline erase --certificate ${id}`);
  if (unfinished) output.data("an erasure was begun and has not ended: the next call goes on with it");
  output.say("nothing was removed");
}

function held({ rows, columns }: HeldTokens): string {
  const where = columns.length === 0 ? "" : `, in ${columns.join(", ")}`;
  return `${rows === null ? "not known" : count(rows)}${where}`;
}

/** The certificate is the data, with or without --json. */
function conclude(output: Output, certificate: Certificate): void {
  output.document(certificate);
  const removed = certificate.certificate["removed"] as {
    readonly originals: number;
    readonly links: number;
    readonly bodies: number;
  };
  output.say(
    `erased: originals ${count(removed.originals)}, links ${count(removed.links)}, refused messages ${count(removed.bodies)}; what remains stands in the certificate`,
  );
  output.say("whoever is handed it checks it: maskline audit verify --certificate FILE --key ID:HEX");
}
