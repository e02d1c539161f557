import { withDatabase } from "../../app/assemble-sink.ts";
import { applyViews, type ColumnDuplicates, duplicatesQuestion, duplicatesViews, findAllDuplicates } from "../../app/duplicates.ts";
import { MasklineError } from "../../errors.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { showTable } from "../../postgres/names.ts";
import { sharedColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { csvRecord } from "../csv.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

const defaultLimit = 20;

export const duplicates: Command = {
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column (default: every masked column)" },
    by: { value: "NAME", doc: "the column that tells users apart (default: user_id)" },
    "min-users": { value: "N", doc: "only values of at least so many users (default 2)" },
    limit: { value: "N", doc: `at most so many values a column (default ${defaultLimit})` },
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
    const limit = call.number("limit", 1) ?? defaultLimit;
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
      const found = await findAllDuplicates(settings, database, question, limit);
      if (call.output.json) return call.output.document({ by: question.userColumn, minUsers, columns: found });
      sayEpochs(call.output, found);
      if (call.has("csv")) return call.output.stream(csvOf(found));
      show(call.output, found, question.userColumn, minUsers);
    });
  },
};

function show(output: Output, found: readonly ColumnDuplicates[], userColumn: string, minUsers: number): void {
  const several = minUsers === 2 ? `several ${userColumn}` : `${minUsers} ${userColumn} or more`;
  for (const { column, values } of found) {
    output.data(`${column}: ${values.length === 0 ? `no value is shared by ${several}` : `values shared by ${several}`}`);
    if (values.length > 0) for (const line of formatTable(sharedColumns, values)) output.data(`  ${line}`);
    output.data();
  }
}

/** Equal values can have unequal tokens here, and nothing can tell: what is found is true, what is not found need not be. */
function sayEpochs(output: Output, found: readonly ColumnDuplicates[]): void {
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

function csvOf(found: readonly ColumnDuplicates[]): string {
  const records = found.flatMap(({ column, values }) =>
    values.map(({ rank, token, users, rows, firstSeen, lastSeen }) =>
      csvRecord([column, rank, token, users, rows, firstSeen, lastSeen]),
    ),
  );
  return [csvRecord(["column", "rank", "value", "users", "rows", "first_seen", "last_seen"]), ...records].join("");
}
