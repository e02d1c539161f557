import { withDatabase } from "../../app/assemble-sink.ts";
import {
  applyViews,
  type ColumnDuplicates,
  duplicatesQuestion,
  duplicatesViews,
  findAllDuplicates,
  type SharedTarget,
  type ToldColumn,
  walkAllDuplicates,
} from "../../app/duplicates.ts";
import { MasklineError } from "../../errors.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { showTable } from "../../postgres/names.ts";
import { sharedColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { csvRecord } from "../csv.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable } from "../table.ts";

const defaultLimit = 20;

export const duplicates: Command = {
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column (default: every masked column)" },
    by: { value: "NAME", doc: "the column that tells users apart (default: user_id)" },
    "min-users": { value: "N", doc: "only values of at least so many users (default 2)" },
    limit: { value: "N", doc: `at most so many values a column (default: ${defaultLimit}, in CSV and JSON all of them)` },
    csv: { doc: "print the values as CSV (RFC 4180); what a spreadsheet would take for a formula gets an apostrophe before it" },
    "print-view": {
      doc: "print the SQL of two views: the table with equal values equal under whatever key, and the shared values; change nothing",
    },
    "apply-view": { doc: "print them and create them, in the schema of the table" },
  },
  about: `Finds masked values that stand in the rows of several users: the same device, the same address. No value is revealed. Equal values are found
also while a rotation is going on and their tokens are under different keys. Where tokens do not say their key (hmac, ipcrypt, ff1 and
the like), values that were masked under different keys are different: the command says where a column has held such tokens.`,
  examples: [
    ["maskline duplicates", "every masked column"],
    ["maskline duplicates --column masked_device_id --json", "one column, for a program"],
    ["maskline duplicates --min-users 5 --csv > shared.csv", "for a spreadsheet"],
    ["maskline duplicates --print-view", "for reports of your own: user_logins_equal, user_logins_shared"],
  ],
  async run(call) {
    const views = call.has("print-view") || call.has("apply-view");
    if (call.has("csv") && call.output.json) throw new MasklineError("usage", "takes --csv or --json, not both");
    const minUsers = call.number("min-users", 2) ?? 2;
    const limit = call.number("limit", 1);
    const settings = settingsOf(call, { unset: views && !call.has("apply-view") ? "servers" : "nowhere" });
    const question = duplicatesQuestion(settings, call.text("column"), call.text("by"), minUsers);
    if (views) {
      const made = duplicatesViews(settings, question);
      for (const { sql } of made) call.output.data(sql);
      if (!call.has("apply-view")) return;
      await withDatabase(settings, async (database, schema) => {
        await requireSchema(database, schema);
        await applyViews(database, made);
      });
      call.output.say(`created ${made.map(({ name }) => showTable(name)).join(" and ")}; who may read them is yours to GRANT`);
      return;
    }
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const { output } = call;
      const isWhole = output.json || call.has("csv");
      if (!isWhole) {
        const found = await findAllDuplicates(settings, database, question, limit ?? defaultLimit);
        sayEpochs(output, found);
        return show(output, found, question.userColumn, minUsers);
      }
      const target = output.json ? jsonOf(output, question.userColumn, minUsers) : csvOf(output);
      const told = await walkAllDuplicates(settings, database, question, limit, target);
      await target.close();
      // --json has both in its document
      if (!output.json) sayEpochs(output, told);
      sayCut(output, told);
    });
  },
};

function show(output: Output, found: readonly ColumnDuplicates[], userColumn: string, minUsers: number): void {
  const several = minUsers === 2 ? `several ${userColumn}` : `${minUsers} ${userColumn} or more`;
  for (const { column, values, more } of found) {
    output.data(`${column}: ${values.length === 0 ? `no value is shared by ${several}` : `values shared by ${several}`}`);
    if (values.length > 0) for (const line of formatTable(sharedColumns, values)) output.data(`  ${line}`);
    if (more > 0) output.data(`  and ${count(more)} more: --limit N shows N, --csv and --json all of them`);
    output.data();
  }
}

/** Equal values can have unequal tokens here, and nothing can tell: what is found is true, what is not found need not be. */
function sayEpochs(output: Output, found: readonly ToldColumn[]): void {
  const note = output.style("yellow", "note:");
  for (const { column, epochs } of found) {
    if (epochs === null || epochs < 2) continue;
    output.say(
      `${note} ${column} has held tokens of ${epochs} keys or domains that cannot be compared: a value masked under two of them counts as two`,
    );
  }
  const unknown = found.filter(({ tagged, epochs }) => !tagged && epochs === null).map(({ column }) => column);
  if (unknown.length > 0)
    output.say(
      `${note} whether ${unknown.join(", ")} held tokens of several keys is not known: this user may not read token_column`,
    );
}

/** A form that is written as the values come, however many there are; nothing of it before the first have come. */
interface WholeTarget extends SharedTarget {
  close(): Promise<void>;
}

function csvOf(output: Output): WholeTarget {
  let unsaid = csvRecord(["column", "rank", "value", "users", "rows", "first_seen", "last_seen"]);
  let name = "";
  const say = async (records: string): Promise<void> => {
    await output.stream(unsaid + records);
    unsaid = "";
  };
  return {
    begin: async ({ column }) => void (name = column),
    take: (values) =>
      say(
        values
          .map(({ rank, token, users, rows, firstSeen, lastSeen }) =>
            csvRecord([name, rank, token, users, rows, firstSeen, lastSeen]),
          )
          .join(""),
      ),
    end: async () => {},
    close: () => say(""),
  };
}

/** One document: {by, minUsers, columns: [{column, tagged, epochs, values, more}]}. */
function jsonOf(output: Output, by: string, minUsers: number): WholeTarget {
  let unsaid = `${JSON.stringify({ by, minUsers }).slice(0, -1)},"columns":[`;
  let columns = 0;
  let isFirst = true;
  const say = async (text: string): Promise<void> => {
    await output.stream(unsaid + text);
    unsaid = "";
  };
  return {
    async begin(column) {
      unsaid += `${columns === 0 ? "" : ","}${JSON.stringify(column).slice(0, -1)},"values":[`;
      columns += 1;
      isFirst = true;
    },
    async take(values) {
      if (values.length === 0) return;
      await say(`${isFirst ? "" : ","}${values.map((value) => JSON.stringify(value)).join(",")}`);
      isFirst = false;
    },
    end: ({ more }) => say(`],"more":${more}}`),
    close: () => say("]}\n"),
  };
}

/** A list that --limit has cut off looks like a whole one. */
function sayCut(output: Output, told: readonly ToldColumn[]): void {
  for (const { column, more } of told)
    if (more > 0)
      output.say(`${output.style("yellow", "note:")} ${column} has ${count(more)} more shared values, which --limit leaves out`);
}
