import type { Settings } from "../../app/config/load.ts";
import { domainsOf, tokenSearch, withAudit } from "../../app/recovery/audit.ts";
import { MasklineError } from "../../errors.ts";
import { listAudit } from "../../postgres/recovery/audit.ts";
import { actions, type AuditRow } from "../../recovery/audit-entry.ts";
import { type AuditEntry, readEntry } from "../../recovery/audit-reading.ts";
import { canonicalJson } from "../../recovery/canonical-json.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { fittedTable } from "../fitted-table.ts";
import { momentOf } from "../moment-flag.ts";
import { settingsOf } from "../settings.ts";
import { moment, type TableColumn } from "../table.ts";

const defaultLimit = 50;

export const auditList: Command = {
  flags: {
    ...configFlags,
    actor: { value: "ROLE", doc: "only what this person did (the database's session user)" },
    action: { value: "ACTION", doc: `only this: ${actions.join(", ")}` },
    since: { value: "TIME", doc: "only from this day or time on (2026-11-20, 2026-11-20T08:00:00Z)" },
    limit: { value: "N", doc: `at most so many rows, the newest (default ${defaultLimit})` },
    token: { doc: "only acts on the token that comes on stdin; needs the key ring, and one of the next two" },
    column: { value: "NAME", doc: "with --token: the masked column that it is of" },
    domain: { value: "NAME", doc: "with --token: the domain that it is of; quarantine for the id of a refused message" },
  },
  about: `Lists the audit, newest last: an intent before the first value is opened, the result after it, or a refusal. Needs no more than the
rights of an auditor. Tokens stand in the audit as keyed hashes: to look for one takes the full key ring. What is listed is not verified:
maskline audit verify.`,
  examples: [
    ["maskline audit list --action reveal --since 2026-11-01", "who revealed values this month"],
    ["maskline audit list --token --column masked_ip < token.txt", "who opened this one"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const filter = filterOf(call);
    const domains = soughtDomains(call, settings);
    await withAudit(settings, async (database, schema) => {
      const search = domains === null ? null : await tokenSearch(settings, database, schema, domains, await tokenOnStdin());
      const rows = await listAudit(database, schema, { ...filter, tokenHashes: search?.hashes ?? null });
      const unsearched = search?.unsearched ?? [];
      if (call.output.json) return call.output.document({ entries: rows.map(documentOf), unsearched });
      if (unsearched.length > 0) {
        call.output.say(`not searched: acts under key ${unsearched.join(", ")}, which this ring does not hold enabled`);
      }
      if (rows.length === 0) return call.output.say("no such act is in the audit");
      const shown = rows.map(shownRow);
      for (const line of fittedTable(columnsOf(shown), shown, call.output.dataWidth)) call.output.data(line);
    });
  },
};

function filterOf(call: Call): { actor: string | null; action: string | null; since: Date | null; limit: number } {
  const action = call.text("action");
  if (action !== null && !actions.some((one) => one === action)) {
    throw new MasklineError("usage", `--action takes one of ${actions.join(", ")}`);
  }
  const limit = call.number("limit", 1) ?? defaultLimit;
  return { actor: call.text("actor"), action, since: momentOf(call, "since"), limit };
}

/** Null where no token is asked for. */
function soughtDomains(call: Call, settings: Settings): readonly string[] | null {
  const [column, domain] = [call.text("column"), call.text("domain")];
  const named = [column, domain].filter((name) => name !== null).length;
  if (named !== (call.has("token") ? 1 : 0)) throw new MasklineError("usage", "--token goes with one of --column and --domain");
  if (column !== null) return domainsOf(settings, column);
  return domain === null ? null : [domain];
}

/** Longer than any token. */
const longestTokenBytes = 1_048_576;

async function tokenOnStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    const part = Buffer.from(chunk as Uint8Array);
    chunks.push(part);
    bytes += part.length;
    if (bytes > longestTokenBytes || part.includes("\n")) break;
  }
  const [token = ""] = Buffer.concat(chunks).toString("utf8").split(/\r?\n/);
  if (token.trim() === "" || bytes > longestTokenBytes) {
    throw new MasklineError("usage", "--token reads one token from stdin, and found none", {
      next: "maskline audit list --token --column NAME < FILE",
    });
  }
  return token.trim();
}

interface ShownRow {
  readonly sequence: number;
  readonly entry: AuditEntry | null;
}

function shownRow({ sequence, entry }: AuditRow): ShownRow {
  return { sequence, entry: readEntry(entry) };
}

const listColumns: readonly TableColumn<ShownRow>[] = [
  { title: "row", value: ({ sequence }) => String(sequence) },
  { title: "time", value: ({ entry }) => (entry === null ? "altered: maskline audit verify" : moment(timeOf(entry))) },
  { title: "actor", value: ({ entry }) => entry?.actor ?? null },
  { title: "action", value: ({ entry }) => (entry === null ? null : actionOf(entry)) },
  { title: "domain", value: ({ entry }) => entry?.domain ?? null },
  { title: "amount", value: ({ entry }) => entry?.amount ?? null },
  { title: "step", value: ({ entry }) => (entry === null ? null : stepOf(entry)) },
  { title: "ticket", value: ({ entry }) => entry?.ticket ?? null },
  { title: "reason", value: ({ entry }) => entry?.reason ?? null },
];

const principalColumn: TableColumn<ShownRow> = { title: "principal", value: ({ entry }) => entry?.principal ?? null };

/** With the principals, where there is any: most rings are none of AWS. */
function columnsOf(rows: readonly ShownRow[]): readonly TableColumn<ShownRow>[] {
  const some = rows.some(({ entry }) => (entry?.principal ?? null) !== null);
  return some
    ? listColumns.toSpliced(1 + listColumns.findIndex(({ title }) => title === "actor"), 0, principalColumn)
    : listColumns;
}

/** Null where no time stands. */
function timeOf({ at }: AuditEntry): Date | null {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? null : time;
}

/** "reveal", "policy: allow reveal to officers", "approve: reveal of ada" */
function actionOf({ action, details }: AuditEntry): string {
  const [change, role, allowed, of, asker] = ["change", "role", "action", "of", "for"].map((name) => {
    const value = details[name];
    return typeof value === "string" ? value : null;
  });
  if (action === "policy" && change && allowed && role) return `policy: ${change} ${allowed} to ${role}`;
  return action === "approve" && of && asker ? `approve: ${of} of ${asker}` : action;
}

/** "intent", "result: opened 3", "refusal: no_right" */
function stepOf({ step, outcome }: AuditEntry): string {
  const members = Object.entries(outcome ?? {}).flatMap(([name, value]) => {
    const shown = typeof value === "string" ? value : canonicalJson(value);
    if (shown === "null" || shown === "{}") return [];
    return name === "refused" && step === "refusal" ? shown : `${name} ${shown}`;
  });
  return members.length === 0 ? step : `${step}: ${members.join(", ")}`;
}

function documentOf({ sequence, entry, hash }: AuditRow): unknown {
  return { sequence, hash: hash.toString("hex"), entry: readEntry(entry) };
}
