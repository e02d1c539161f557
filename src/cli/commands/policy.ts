import { withDatabase } from "../../app/assemble-sink.ts";
import { knownDomains } from "../../app/known-domains.ts";
import { MasklineError } from "../../errors.ts";
import type { Database } from "../../postgres/database.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import {
  changePolicy,
  listPolicy,
  type PolicyAction,
  policyActions,
  type PolicyBefore,
  type PolicyChange,
  type PolicyRow,
} from "../../postgres/recovery/policy.ts";
import { everyDomain } from "../../recovery/audit-entry.ts";
import { type Call, type Command, configFlags, type Flag } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { reasonFlags } from "../explained.ts";
import { fittedTable } from "../fitted-table.ts";
import { settingsOf } from "../settings.ts";
import { moment, type TableColumn } from "../table.ts";

/** integer of PostgreSQL */
const largestLimit = 2_147_483_647;
const longestDomain = 200;

const changeFlags: Readonly<Record<string, Flag>> = {
  ...configFlags,
  domain: { value: "D", doc: "a domain of masks, quarantine for refused messages, or '*' for every one" },
  ...reasonFlags,
};

const howItHolds = `Actions: ${policyActions.join(", ")}; reveal includes reveal-partial.
It holds for every member of the role; of several rows that hold for somebody the most generous counts. Only members of the
policy keeper's role may (maskline migrate --grants), with the full key ring, which signs the audit: the change and the audit's
word of it are one transaction.`;

export const policyList: Command = {
  flags: configFlags,
  about: `What no row allows, nobody may. A row without a limit has "-". Needs the right to read the policy, and no key ring.`,
  examples: [["maskline policy list", "all of it"]],
  async run(call) {
    const settings = settingsOf(call);
    const { output } = call;
    const rows = await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      return listPolicy(database, schema);
    });
    if (output.json) return output.document({ policy: rows });
    if (rows.length === 0) return output.say("the policy allows nothing; next: maskline policy allow ROLE ACTION --domain D");
    for (const line of fittedTable(policyColumns, rows, output.dataWidth)) output.data(line);
  },
};

const policyColumns: readonly TableColumn<PolicyRow>[] = [
  { title: "role", value: ({ role, roleExists }) => (roleExists ? role : `${role} (no such role)`), whole: true },
  { title: "domain", value: ({ domain }) => domain },
  { title: "action", value: ({ action }) => action, whole: true },
  { title: "values a day", value: ({ valuesPerDay }) => valuesPerDay },
  { title: "second person above", value: ({ approveAbove }) => approveAbove },
  { title: "changed by", value: ({ changedBy }) => changedBy },
  { title: "at", value: ({ changedAt }) => moment(changedAt), whole: true },
];

export const policyAllow: Command = {
  operands: "ROLE ACTION",
  flags: {
    ...changeFlags,
    "per-day": { value: "N", doc: "so many values a day (UTC) for each person (default: no limit)" },
    "approve-above": {
      value: "N",
      doc: "of a day's values so many alone; more need a second person; 0 for always (default: never)",
    },
  },
  about: `Takes the place of the row that the role has for this domain and action.
${howItHolds}`,
  examples: [
    [
      'maskline policy allow officers reveal --domain login.ip --per-day 100 --approve-above 10 --reason "abuse" --ticket SEC-4',
      "a hundred a day, ten alone",
    ],
    ['maskline policy allow officers approve --domain "*" --reason ... --ticket ...', "the second person"],
  ],
  async run(call) {
    const valuesPerDay = limit(call, "per-day", 1);
    const approveAbove = limit(call, "approve-above", 0);
    const place = placeOf(call);
    if (place.action === "approve" && (valuesPerDay ?? approveAbove) !== null)
      throw new MasklineError("usage", "the right to approve has no limits", { next: "leave out --per-day and --approve-above" });
    await change(call, { ...place, change: "allow", valuesPerDay, approveAbove });
  },
};

export const policyDeny: Command = {
  operands: "ROLE ACTION",
  flags: changeFlags,
  about: `Takes away the row that the role has for this domain and action; rows of other domains, '*' too, and of other
roles stay.
${howItHolds}`,
  examples: [['maskline policy deny officers reveal --domain login.ip --reason "the desk is closed" --ticket SEC-9', "no more"]],
  async run(call) {
    await change(call, { ...placeOf(call), change: "deny" });
  },
};

function placeOf(call: Call): { readonly role: string; readonly action: PolicyAction; readonly domain: string } {
  const [role, named] = call.operands;
  const domain = call.text("domain");
  const action = policyActions.find((one) => one === named);
  if (role === undefined || role === "" || role.includes("\0"))
    throw new MasklineError("usage", "names no role of the database", {
      next: "ROLE ACTION, as in maskline_privacy_officer reveal",
    });
  if (action === undefined)
    throw new MasklineError("usage", "names no action of the policy", { next: `one of: ${policyActions.join(", ")}` });
  if (domain === null)
    throw new MasklineError("usage", "names no domain", {
      next: "--domain D, a domain of masks (maskline check lists them) or quarantine; '*' for every one",
    });
  if (domain === "" || domain.length > longestDomain || /\p{Cc}/u.test(domain))
    throw new MasklineError("usage", "--domain wants a domain of masks, quarantine, or '*'", {
      next: "maskline check lists the domains",
    });
  return { role, action, domain };
}

function limit(call: Call, name: string, least: number): number | null {
  const value = call.number(name, least);
  if (value !== null && value > largestLimit) throw new MasklineError("usage", `--${name} takes at most ${largestLimit}`);
  return value;
}

async function change(call: Call, wanted: PolicyChange): Promise<void> {
  const settings = settingsOf(call);
  const { output } = call;
  const known = knownDomains(settings);
  if (!known.includes(wanted.domain) && !output.json) {
    output.say(`note: this contract has no domain ${wanted.domain}, only ${known.join(", ")}`);
  }
  const { role, action, domain } = wanted;
  const attempt = { action: "policy", domain, details: { change: wanted.change, role, action } } as const;
  const { before, everywhere } = await explainedAct(call, settings, attempt, async ({ database, governance, schema }, why) => {
    const replaced = await changePolicy(governance, schema, wanted, why);
    return { before: replaced, everywhere: await rowOfEveryDomain(database, schema, wanted) };
  });
  if (output.json) return output.document({ ...wanted, before: before === null ? null : limitsOf(before) });
  const where = wanted.domain === everyDomain ? "every domain" : `domain ${wanted.domain}`;
  const verb = wanted.change === "allow" ? "may" : "may no longer";
  output.say(
    `members of ${wanted.role} ${verb} ${wanted.action} in ${where}${before === null ? "" : `; before: ${describe(limitsOf(before))}`}`,
  );
  if (everywhere !== null)
    output.say(
      `note: the row of domain * still lets them, here too: ${describe(everywhere)}; of several rows the most generous counts`,
    );
}

/** It goes on to hold beside the one that was changed. Null where this user may not read the policy. */
async function rowOfEveryDomain(
  database: Database,
  schema: string,
  { role, action, domain }: PolicyChange,
): Promise<PolicyRow | null> {
  if (domain === everyDomain) return null;
  const rows = await listPolicy(database, schema).catch(() => []);
  return rows.find((row) => row.role === role && row.action === action && row.domain === everyDomain) ?? null;
}

type Limits = { readonly valuesPerDay: number | null; readonly approveAbove: number | null };

function limitsOf({ values_per_day, approve_above }: PolicyBefore): Limits {
  return { valuesPerDay: values_per_day, approveAbove: approve_above };
}

function describe({ valuesPerDay, approveAbove }: Limits): string {
  const perDay = valuesPerDay === null ? "no limit a day" : `${valuesPerDay} values a day`;
  return `${perDay}, ${approveAbove === null ? "never a second person" : `a second person above ${approveAbove} a day`}`;
}
