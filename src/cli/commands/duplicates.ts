import { withDatabase } from "../../app/assemble-sink.ts";
import { duplicatesQuestion, findAllDuplicates } from "../../app/duplicates.ts";
import { sharedColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

export const duplicates: Command = {
  flags: {
    ...configFlags,
    column: { value: "NAME", doc: "the masked column (default: every masked column)" },
    by: { value: "NAME", doc: "the column that tells users apart (default: user_id)" },
    limit: { value: "N", doc: "at most so many values a column (default 20)" },
  },
  about: "Finds masked values that stand in the rows of several users: the same device, the same address. No value is revealed.",
  examples: [
    ["maskline duplicates", "every masked column"],
    ["maskline duplicates --column masked_device_id --json", "one column, for a program"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const question = duplicatesQuestion(settings, call.text("column"), call.text("by"));
    const { userColumn } = question;
    await withDatabase(settings, async (database) => {
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
