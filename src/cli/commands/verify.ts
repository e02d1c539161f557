import { canonicalValue } from "../../app/recovery/read-value.ts";
import { type KeyedPlace, keyedPlace } from "../../app/recovery/recoverable.ts";
import { verifyValue } from "../../app/recovery/verify.ts";
import { maskFacts } from "../../masks/mask.ts";
import { selfTest } from "../../masks/self-test.ts";
import type { VerifyResult } from "../../recovery/verify.ts";
import { attemptedColumn } from "../attempted-column.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { explainedFlags } from "../explained.ts";
import { readPersonalValue } from "../personal-value.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

export const verify: Command = {
  operands: "[TOKEN]",
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column that the value may stand in; a place inside its values is COLUMN.PATH" },
    ...explainedFlags,
  },
  about: `Tells what tokens a value has in a column, under each enabled key, whether TOKEN is one of them, and how many rows carry them, with the
first and last day. The value is typed at a prompt that shows nothing, or comes on stdin. Works for one-way masks too (hmac, cmac). Whoever may
ask often enough can find out values by trying: so it needs a right, a reason and a ticket, counts against the day's limit, and is audited.`,
  examples: [
    ['maskline verify --column masked_ip --reason "abuse report" --ticket T-1', "which rows carry this address?"],
    ["maskline verify --column masked_ip TOKEN --reason ... --ticket ...", "is it the value behind this token?"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const placed = await attemptedColumn(call, settings, "verify", keyedPlace);
    selfTest();
    const details = { column: placed.place };
    await explainedAct(call, settings, { action: "verify", domain: placed.domain, details }, async (governed, explained) => {
      const value = canonicalValue(placed, await readPersonalValue("value"));
      show(call, placed, await verifyValue(governed, placed, { ...explained, asked: call.operands[0] ?? null }, value));
    });
  },
};

function show({ output, operands }: Call, { place, mask }: KeyedPlace, { tokens, matches }: VerifyResult): void {
  if (output.json) return output.document({ column: place, matches, tokens });
  for (const line of formatTable(columns, tokens)) output.data(line);
  if (operands[0] === undefined) return;
  if (matches === null) {
    const may = maskFacts[mask.kind].tagged ? "is" : "may be";
    output.data(`it cannot be told of the token: it ${may} of a key that this ring does not hold, or not enabled`);
  } else output.data(matches ? "the token is this value's" : "the token is not this value's");
}

type Line = VerifyResult["tokens"][number];

const columns = [
  { title: "rows", value: ({ rows }: Line) => rows },
  { title: "first day", value: ({ firstDay }: Line) => firstDay },
  { title: "last day", value: ({ lastDay }: Line) => lastDay },
  { title: "key", value: ({ keyId }: Line) => String(keyId) },
  { title: "token", value: ({ token }: Line) => token, width: Infinity },
];
