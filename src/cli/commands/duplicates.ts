import { openDatabase, postgresOf } from "../../app/assemble-sink.ts";
import type { Settings } from "../../app/config/load.ts";
import { MasklineError } from "../../errors.ts";
import { findDuplicates, type SharedValue } from "../../postgres/duplicates.ts";
import type { TableName } from "../../postgres/names.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, type TableColumn } from "../table.ts";

export const sharedColumns: readonly TableColumn<SharedValue>[] = [
  { title: "users", value: ({ users }) => users },
  { title: "rows", value: ({ rows }) => rows },
  { title: "first seen", value: ({ firstSeen }) => firstSeen },
  { title: "last seen", value: ({ lastSeen }) => lastSeen },
  { title: "token", value: ({ token }) => token, width: 64 },
];

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
    const { table, columns, userColumn, timeColumn } = question(settings, call.text("column"), call.text("by"));
    const database = openDatabase(settings);
    try {
      const found: { column: string; values: readonly SharedValue[] }[] = [];
      for (const column of columns) {
        const values = await findDuplicates(database, {
          table,
          column,
          userColumn,
          timeColumn,
          limit: call.number("limit", 1) ?? 20,
        });
        found.push({ column, values });
      }
      if (call.output.json) return call.output.document({ by: userColumn, columns: found });
      for (const { column, values } of found) {
        call.output.data(
          `${column}: ${values.length === 0 ? `no value is shared by several ${userColumn}` : `values shared by several ${userColumn}`}`,
        );
        if (values.length > 0) for (const line of formatTable(sharedColumns, values)) call.output.data(`  ${line}`);
        call.output.data();
      }
    } finally {
      await database.close();
    }
  },
};

/** What to look for, with the contract's own columns as the defaults. */
export function question(
  settings: Settings,
  asked: string | null,
  by: string | null,
): { table: TableName; columns: readonly string[]; userColumn: string; timeColumn: string | null } {
  postgresOf(settings);
  const names = settings.contract.columns.map(({ name }) => name);
  // redact gives all values one token: nothing to compare
  const masked = settings.columns.flatMap(({ column, mask }) => (mask === null || mask.kind === "redact" ? [] : [column.name]));
  if (asked !== null && !masked.includes(asked)) {
    throw new MasklineError("usage", `the contract has no column ${asked} whose mask keeps equal values equal`, {
      next: masked.length === 0 ? "mask a column with siv or hmac" : `--column one of: ${masked.join(", ")}`,
    });
  }
  const userColumn = by ?? "user_id";
  if (!names.includes(userColumn)) {
    throw new MasklineError("usage", `the contract has no column ${userColumn}`, { next: `--by one of: ${names.join(", ")}` });
  }
  const timeColumn = settings.contract.columns.find(({ from }) => from === "$sent_at")?.name ?? null;
  return { table: settings.target as TableName, columns: asked === null ? masked : [asked], userColumn, timeColumn };
}
