import { MasklineError } from "../errors.ts";
import { maskFacts } from "../masks/mask.ts";
import type { Database } from "../postgres/database.ts";
import { equalityView, findDuplicates, type SharedValue } from "../postgres/duplicates.ts";
import type { TableName } from "../postgres/names.ts";
import { postgresOf } from "./assemble-sink.ts";
import type { Settings } from "./config/load.ts";

/** What to look for: masked columns whose equal values are equal, and the column that tells users apart. */
export interface DuplicatesQuestion {
  readonly columns: readonly string[];
  readonly userColumn: string;
}

/** The shared values of one masked column. */
export interface ColumnDuplicates {
  readonly column: string;
  readonly values: readonly SharedValue[];
}

/**
 * What a user asks for, with the contract's own columns as the defaults.
 * @throws MasklineError `usage`
 */
export function duplicatesQuestion(settings: Settings, asked: string | null = null, by: string | null = null): DuplicatesQuestion {
  const names = settings.contract.columns.map(({ name }) => name);
  const masked = settings.columns.flatMap(({ column, mask }) =>
    mask === null || !maskFacts[mask.kind].keepsEquality ? [] : [column.name],
  );
  if (asked !== null && !masked.includes(asked)) {
    throw new MasklineError("usage", `the contract has no column ${asked} whose mask keeps equal values equal`, {
      next: masked.length === 0 ? "mask a column with siv or hmac" : `--column one of: ${masked.join(", ")}`,
    });
  }
  const userColumn = by ?? "user_id";
  if (!names.includes(userColumn)) {
    throw new MasklineError("usage", `the contract has no column ${userColumn}`, { next: `--by one of: ${names.join(", ")}` });
  }
  return { columns: asked === null ? masked : [asked], userColumn };
}

/** Those with the most users first, at most `limit` a column. When they were seen stands in the column that holds the sent time. */
export async function findAllDuplicates(
  settings: Settings,
  database: Database,
  { columns, userColumn }: DuplicatesQuestion,
  limit: number,
): Promise<readonly ColumnDuplicates[]> {
  const table = settings.target as TableName;
  const timeColumn = settings.contract.columns.find(({ from }) => from === "$sent_at")?.name ?? null;
  const { schema } = postgresOf(settings);
  const domains = new Map(taggedDomains(settings).map(({ name, domain }) => [name, domain]));
  const found: ColumnDuplicates[] = [];
  for (const column of columns) {
    const domain = domains.get(column);
    const aliases = domain === undefined ? {} : { aliases: { schema, domain } };
    found.push({ column, values: await findDuplicates(database, { table, column, userColumn, timeColumn, limit, ...aliases }) });
  }
  return found;
}

/** The SQL of a view in which equal values are equal, under whatever key they were masked. */
export function duplicatesView(settings: Settings): string {
  const columns = taggedDomains(settings);
  if (columns.length === 0) {
    throw new MasklineError("usage", "no column of the contract can hold tokens of several keys: group by the columns themselves");
  }
  return equalityView(postgresOf(settings).schema, settings.target as TableName, columns);
}

/** The columns whose tokens say their key: only among those can equal values have unequal tokens. */
function taggedDomains(settings: Settings): readonly { readonly name: string; readonly domain: string }[] {
  return settings.columns.flatMap(({ column, mask }) =>
    mask !== null && mask.domain !== null && maskFacts[mask.kind].tagged ? [{ name: column.name, domain: mask.domain }] : [],
  );
}
