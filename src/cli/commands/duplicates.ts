import { withDatabase } from "../../app/assemble-sink.ts";
import { duplicatesQuestion, duplicatesView, findAllDuplicates } from "../../app/duplicates.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { sharedColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

export const duplicates: Command = {
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column (default: every masked column)" },
    by: { value: "NAME", doc: "the column that tells users apart (default: user_id)" },
    "print-view": { doc: "print the SQL of a view in which equal values are equal under whatever key; change nothing" },
    limit: { value: "N", doc: "at most so many values a column (default 20)" },
  },
  about: `Finds masked values that stand in the rows of several users: the same device, the same address. No value is revealed. Equal values are found
also while a rotation is going on and their tokens are under different keys.`,
  examples: [
    ["maskline duplicates", "every masked column"],
    ["maskline duplicates --column masked_device_id --json", "one column, for a program"],
    ["maskline duplicates --print-view", "for reports of your own: group by masked_ip_equal"],
  ],
  async run(call) {
    const settings = settingsOf(call, { unset: call.has("print-view") ? "servers" : "nowhere" });
    if (call.has("print-view")) return call.output.data(duplicatesView(settings));
    const question = duplicatesQuestion(settings, call.text("column"), call.text("by"));
    const { userColumn } = question;
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const found = await findAllDuplicates(settings, database, question, call.number("limit", 1) ?? 20);
      if (call.output.json) return call.output.document({ by: userColumn, columns: found });
      for (const { column, values } of found) {
        call.output.data(
          `${column}: ${values.length === 0 ? `no value is shared by several ${userColumn}` : `values shared by several ${userColumn}`}`,
        );
        if (values.length > 0) for (const line of formatTable(sharedColumns, values)) call.output.data(`  ${line}`);
        call.output.data();
      }
    });
  },
};
