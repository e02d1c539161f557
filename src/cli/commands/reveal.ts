import { missingOption, type Settings } from "../../app/config/load.ts";
import type { Governed } from "../../app/recovery/governance.ts";
import { type KeyedPlace, revealablePlace, tokenFinder } from "../../app/recovery/recoverable.ts";
import { revealTokens } from "../../app/recovery/reveal.ts";
import { openSealedFile } from "../../app/recovery/sealed-file.ts";
import { requireChoosable } from "../../app/recovery/token-key.ts";
import { MasklineError } from "../../errors.ts";
import { maskFacts } from "../../masks/mask.ts";
import { findSurrogates } from "../../masks/scan/surrogate.ts";
import { selfTest } from "../../masks/self-test.ts";
import { showTable } from "../../postgres/names.ts";
import { type Condition, selectTokens } from "../../postgres/recovery/token-selection.ts";
import type { CanonicalValue } from "../../recovery/canonical-json.ts";
import type { RevealedTarget, RevealResult } from "../../recovery/reveal.ts";
import { attemptedColumn } from "../attempted-column.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { readCondition } from "../conditions.ts";
import { explainedAct } from "../explained-act.ts";
import { explainedFlags } from "../explained.ts";
import { readKeyId } from "../key-id.ts";
import { meter } from "../progress.ts";
import { failureTexts, openRevealedOutput, type RevealedOutput } from "../revealed-output.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";
import { mostTokens, readTokens } from "../token-input.ts";

const usualLimit = 1_000;

export const reveal: Command = {
  operands: "[FILE]",
  stopsInOrder: true,
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column whose tokens are to be opened; a place inside its values is COLUMN.PATH" },
    ...explainedFlags,
    partial: { doc: "only a part of each value: the network, the domain, the last four" },
    where: {
      value: "COLUMN=VALUE",
      many: true,
      doc: "the tokens of these rows of the table; also != < <= > >= like; may be repeated",
    },
    limit: { value: "N", doc: `the first so many tokens of --where (without it more than ${usualLimit} are refused)` },
    key: {
      value: "ID",
      doc: "the key of all these tokens, where they do not say it (ipcrypt, ipcrypt-pfx, ff1) and the column has held others",
    },
    to: { value: "RECIPIENT", doc: "seal the values for whoever has this X25519 key: PEM file, or 32 bytes in hex or base64" },
    out: { value: "FILE", doc: "the file that is sealed; never overwritten" },
    "plain-output": { doc: "let the values go into a pipe or a file as they are" },
    open: { value: "FILE", doc: "open such a file; needs --identity alone" },
    identity: { value: "FILE", doc: "the private half of the recipient's key" },
  },
  about: `Opens tokens: those on stdin or in a file, one a line, or those of the rows that --where finds. Needs a right in the policy, a reason and
a ticket; counts against the day's limit, and above a threshold needs a second person for this very list (maskline approve). The audit says
who asked for what before the first value is shown. Values go to the terminal, or sealed into a file for one recipient. Tokens that do not
open are named with the reason, and end it with exit code 1. Tokens of ipcrypt and ff1 cannot be told from other texts: what is none opens to
a wrong value, and so does a token of another key; where a column has held tokens of several, --key says which one these are of.`,
  examples: [
    [
      'maskline reveal --column masked_ip --partial --reason "abuse report" --ticket T-1',
      "tokens from stdin, a part of each value",
    ],
    ['maskline reveal --column masked_ip --where user_id=u-17 --reason "court order" --ticket T-2', "those of one user's rows"],
    ["maskline reveal --column masked_ip tokens.txt --to key.pem --out them.sealed ...", "for somebody else"],
    ["maskline reveal --open them.sealed --identity identity.pem", "what the recipient does; needs no configuration"],
  ],
  async run(call) {
    const sealed = call.text("open");
    if (sealed !== null) return openForRecipient(call, sealed);
    const settings = settingsOf(call);
    const action = call.has("partial") ? "reveal-partial" : "reveal";
    const placed = await attemptedColumn(call, settings, action, revealablePlace);
    const asked = askedFor(call, placed);
    selfTest();
    const attempt = { action, domain: placed.domain, details: { column: placed.place } } as const;
    await explainedAct(call, settings, attempt, async (governed, explained) => {
      const output = await openRevealedOutput(call);
      const result = await written(output, async () => {
        const tokens = await tokensOf(call, governed, placed, asked);
        const details = {
          ...detailsOf(settings, placed, asked),
          to: output.kind,
          ...(output.recipient === null ? {} : { recipient: output.recipient }),
        };
        const request = { ...explained, partial: call.has("partial"), keyId: asked.keyId, details };
        return revealTokens(governed, placed, request, tokens, withMeter(call, output, new Set(tokens).size), call.stop);
      });
      report(call, placed, result);
    });
  },
};

/** Where the tokens come from. */
interface Asked {
  readonly file: string | null;
  readonly conditions: readonly Condition[];
  readonly limit: number | null;
  readonly keyId: number | null;
}

function askedFor(call: Call, placed: KeyedPlace): Asked {
  const file = call.operands[0] ?? null;
  const conditions = call.texts("where").map(readCondition);
  const limit = call.number("limit", 1);
  if (conditions.length > 0 && file !== null) throw new MasklineError("usage", "takes tokens from a file or by --where, not both");
  if (conditions.length === 0 && limit !== null) throw new MasklineError("usage", "--limit is for the tokens of --where");
  if (limit !== null && limit > mostTokens) throw new MasklineError("usage", `--limit takes at most ${count(mostTokens)}`);
  const key = call.text("key");
  const keyId = key === null ? null : readKeyId(key, "--key takes the id of a key");
  if (keyId !== null) requireChoosable(placed);
  return { file, conditions, limit, keyId };
}

/** Columns and operators, never what they are compared with: that may be personal, and the list is bound by its digest. */
function detailsOf(
  { target }: Settings,
  { place }: KeyedPlace,
  { file, conditions, limit }: Asked,
): Record<string, CanonicalValue> {
  if (conditions.length === 0) return { column: place, from: file === null ? "stdin" : "file" };
  const where = conditions.map(({ column, operator }) => `${column} ${operator}`);
  const table = target === null ? null : showTable(target);
  return { column: place, from: "table", table, where, ...(limit === null ? {} : { limit }) };
}

async function tokensOf(
  call: Call,
  { settings, database }: Governed,
  placed: KeyedPlace,
  { file, conditions, limit }: Asked,
): Promise<readonly string[]> {
  const { place, column, sought, mask, domain } = placed;
  if (conditions.length === 0) {
    const tokens = await readTokens(file, call);
    if (sought !== null) return tokensInTexts(tokens, domain);
    // a template of ff1 may begin with a space; in all other tokens there is none
    return mask.kind === "ff1" ? tokens : tokens.map((token) => token.trim());
  }
  if (settings.target === null) throw missingOption(settings, "sink.postgres.table");
  const most = limit ?? usualLimit;
  const selection = { table: settings.target, column: column.name, find: tokenFinder(placed), conditions, limit: most };
  const { tokens, more } = await selectTokens(database, selection, (read) => call.output.progress(`${count(read)} tokens found`));
  if (tokens.length === 0)
    throw new MasklineError("not_found", `no row that fits has a token in ${place}`, { next: "look at what --where says" });
  if (more && limit === null)
    throw new MasklineError("usage", `there are more than ${count(most)} tokens that fit; nothing was asked for`, {
      next: `--limit N takes the first N, at most ${count(mostTokens)}; or let --where say more`,
    });
  if (more) call.output.say(`there are more than ${count(most)} tokens that fit: these are the first`);
  return tokens;
}

/** A line is a token, or a text as it is stored, with tokens of this domain and others in it. */
function tokensInTexts(lines: readonly string[], domain: string): readonly string[] {
  const tokens = lines.flatMap((line) => {
    const found = findSurrogates(line);
    return found.length === 0 ? [line.trim()] : found.filter((one) => one.domain === domain).map(({ token }) => token);
  });
  if (tokens.length === 0) throw new MasklineError("usage", `no text that was given holds a token of ${domain}`);
  if (tokens.length > mostTokens) throw new MasklineError("usage", `the texts hold more than ${count(mostTokens)} tokens`);
  return tokens;
}

/** Whatever ends it early takes the file away that was begun. */
async function written(output: RevealedOutput, reveals: () => Promise<RevealResult>): Promise<RevealResult> {
  try {
    return await reveals();
  } catch (error) {
    await output.discard();
    throw error;
  }
}

/** The output, and on the side how far it is. */
function withMeter({ output: voice }: Call, output: RevealedOutput, total: number): RevealedTarget {
  let done = 0;
  return {
    take: async (revealed) => {
      await output.take(revealed);
      done += revealed.length;
      if (done < total) voice.progress(`${meter(done / total)} ${count(done)} of ${count(total)} tokens`);
    },
    finish: () => output.finish(),
  };
}

/** @throws MasklineError `tokens_unopened` */
function report({ output }: Call, { place, mask }: KeyedPlace, { opened, failures }: RevealResult): void {
  output.say(`${count(opened)} ${opened === 1 ? "value" : "values"} of ${place} revealed`);
  const { authenticated, reversible } = maskFacts[mask.kind];
  // a vault has an original or it has none
  if (reversible && !authenticated)
    output.say(`${mask.kind} tokens prove nothing: a text that is no token of ${place} opens to a wrong value`);
  const failed = Object.entries(failures) as [keyof typeof failureTexts, number][];
  if (failed.length === 0) return;
  const sum = failed.reduce((all, [, tokens]) => all + tokens, 0);
  throw new MasklineError("tokens_unopened", `${count(sum)} of ${count(opened + sum)} tokens did not open`, {
    details: failed.map(([failure, tokens]) => `${count(tokens)}: ${failureTexts[failure]}`),
    next: "take tokens from this very column; maskline keys list shows which keys are enabled",
  });
}

async function openForRecipient(call: Call, file: string): Promise<void> {
  const identity = call.text("identity");
  if (identity === null) throw new MasklineError("usage", "--open needs --identity FILE, the private half of the recipient's key");
  if (!call.output.dataOnTerminal && !call.has("plain-output")) {
    throw new MasklineError("usage", "the values would go into a pipe or a file as they are", { next: "--plain-output lets them" });
  }
  for await (const part of openSealedFile(file, identity)) await call.output.stream(part);
}
