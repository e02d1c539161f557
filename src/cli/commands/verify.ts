import type { Settings } from "../../app/config/load.ts";
import type { Governed } from "../../app/recovery/governance.ts";
import { canonicalValue } from "../../app/recovery/read-value.ts";
import { type KeyedPlace, keyedPlace, tokenFinder, tokensUnderEveryKey } from "../../app/recovery/recoverable.ts";
import { auditKeys } from "../../keys/audit-keys.ts";
import { maskFacts } from "../../masks/mask.ts";
import { selfTest } from "../../masks/self-test.ts";
import type { TableName } from "../../postgres/names.ts";
import { countRowsWith } from "../../postgres/recovery/token-selection.ts";
import { verify as verifyValue, type VerifyResult } from "../../recovery/verify.ts";
import { attemptedColumn } from "../attempted-column.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { type Explained, explainedFlags } from "../explained.ts";
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
      show(call, placed, await ask(call, settings, governed, placed, explained, value));
    });
  },
};

async function ask(
  call: Call,
  settings: Settings,
  { ring, database, governance }: Governed,
  placed: KeyedPlace,
  explained: Explained,
  value: string,
): Promise<VerifyResult> {
  const keys = auditKeys(ring);
  if (keys === null) throw new TypeError("the primary of a ring is enabled");
  const { place, column, domain, mask } = placed;
  const counted = {
    table: settings.target as TableName,
    column: column.name,
    find: tokenFinder(placed),
    timeColumn: sentTimeColumn(settings),
  };
  return verifyValue(
    {
      domain,
      tokens: tokensUnderEveryKey(ring, placed, value),
      asked: call.operands[0] ?? null,
      tagged: maskFacts[mask.kind].tagged,
      ...explained,
      details: { column: place, compared: call.operands[0] !== undefined },
    },
    {
      governance,
      hashTokens: (all) => keys.hashTokens(domain, all),
      countRows: (tokens) => countRowsWith(database, counted, tokens),
    },
  );
}

/** Where days can be told from: a column of the sent time that holds days or points in time. */
function sentTimeColumn({ contract }: Settings): string | null {
  return contract.columns.find(({ from, type }) => from === "$sent_at" && (type === "date" || type === "timestamp"))?.name ?? null;
}

function show({ output, operands }: Call, { place }: KeyedPlace, { tokens, matches }: VerifyResult): void {
  if (output.json) return output.document({ column: place, matches, tokens });
  for (const line of formatTable(columns, tokens)) output.data(line);
  if (operands[0] === undefined) return;
  if (matches === null) output.data("it cannot be told of the token: it is of a key that this ring does not hold, or not enabled");
  else output.data(matches ? "the token is this value's" : "the token is not this value's");
}

type Line = VerifyResult["tokens"][number];

const columns = [
  { title: "rows", value: ({ rows }: Line) => rows },
  { title: "first day", value: ({ firstDay }: Line) => firstDay },
  { title: "last day", value: ({ lastDay }: Line) => lastDay },
  { title: "key", value: ({ keyId }: Line) => String(keyId) },
  { title: "token", value: ({ token }: Line) => token, width: Infinity },
];
