import { MasklineError } from "../errors.ts";
import { maskFacts } from "../masks/mask.ts";
import type { Database } from "../postgres/database.ts";
import {
  createViews,
  equalityView,
  equalityViewName,
  type SharedValue,
  sharedView,
  sharedViewName,
  walkDuplicates,
} from "../postgres/duplicates.ts";
import type { TableName } from "../postgres/names.ts";
import { readTokenEpochs } from "../postgres/recovery/token-epochs.ts";
import { postgresOf } from "./assemble-sink.ts";
import { missingOption, type Settings } from "./config/load.ts";
import { sentTimeColumn } from "./sent-time.ts";

const fewestUsers = 2;

/** What to look for: masked columns whose equal values are equal, and the column that tells users apart. */
export interface DuplicatesQuestion {
  readonly columns: readonly string[];
  readonly userColumn: string;
  /** How many users a value needs to be shared. */
  readonly minUsers: number;
}

/** A masked column whose shared values are told. */
export interface SharingColumn {
  readonly column: string;
  /** Whether its tokens say their key, so that equal values are found under whatever key. */
  readonly tagged: boolean;
  /**
   * How many sets of tokens the column has held that cannot be compared: values masked under different keys count as different where
   * tokens do not say their key. Null where this user may not read it.
   */
  readonly epochs: number | null;
}

/** One whose values have been told. */
export interface ToldColumn extends SharingColumn {
  /** How many shared values there are beside those, past the limit. */
  readonly more: number;
}

export interface ColumnDuplicates extends ToldColumn {
  readonly values: readonly SharedValue[];
}

/** Where shared values go, column by column. */
export interface SharedTarget {
  begin(column: SharingColumn): Promise<void>;
  take(values: readonly SharedValue[]): Promise<void>;
  end(column: ToldColumn): Promise<void>;
}

/**
 * What a user asks for, with the contract's own columns as the defaults.
 * @throws MasklineError `usage`
 */
export function duplicatesQuestion(
  settings: Settings,
  asked: string | null = null,
  by: string | null = null,
  minUsers: number = fewestUsers,
): DuplicatesQuestion {
  const names = settings.contract.columns.map(({ name }) => name);
  const masked = comparableColumns(settings).map(({ name }) => name);
  if (asked !== null && !masked.includes(asked)) {
    throw new MasklineError("usage", `the contract has no column ${asked} whose mask keeps equal values equal`, {
      next: masked.length === 0 ? "mask a column with siv or hmac" : `--column one of: ${masked.join(", ")}`,
    });
  }
  const userColumn = by ?? "user_id";
  if (!names.includes(userColumn)) {
    throw new MasklineError("usage", `the contract has no column ${userColumn}`, { next: `--by one of: ${names.join(", ")}` });
  }
  return { columns: asked === null ? masked : [asked], userColumn, minUsers };
}

/** As `walkAllDuplicates`, in memory. */
export async function findAllDuplicates(
  settings: Settings,
  database: Database,
  question: DuplicatesQuestion,
  limit: number,
): Promise<readonly ColumnDuplicates[]> {
  const found: ColumnDuplicates[] = [];
  let values: SharedValue[] = [];
  await walkAllDuplicates(settings, database, question, limit, {
    begin: async () => void (values = []),
    take: async (some) => void values.push(...some),
    end: async (column) => void found.push({ ...column, values }),
  });
  return found;
}

/**
 * Those with the most users first, at most `limit` a column, all of them where it is null. When they were seen stands in the column that
 * holds the sent time.
 */
export async function walkAllDuplicates(
  settings: Settings,
  database: Database,
  { columns, userColumn, minUsers }: DuplicatesQuestion,
  limit: number | null,
  target: SharedTarget,
): Promise<readonly ToldColumn[]> {
  const table = targetOf(settings);
  const timeColumn = sentTimeColumn(settings);
  const { schema } = postgresOf(settings);
  const epochs = await readTokenEpochs(database, schema, table);
  const told: ToldColumn[] = [];
  for (const { name: column, domain } of comparableColumns(settings)) {
    if (!columns.includes(column)) continue;
    const sharing = { column, tagged: domain !== null, epochs: epochs === null ? null : (epochs.get(column) ?? 0) };
    const aliases = domain === null ? {} : { aliases: { schema, domain } };
    const question = { table, column, userColumn, timeColumn, minUsers, limit, ...aliases };
    await target.begin(sharing);
    let taken = 0;
    const total = await walkDuplicates(database, question, async (values) => {
      await target.take(values);
      taken += values.length;
    });
    const ended = { ...sharing, more: total - taken };
    await target.end(ended);
    told.push(ended);
  }
  return told;
}

/** A view of duplicates, to be printed and, where that is asked for, created. */
export interface DuplicatesView {
  readonly name: TableName;
  readonly sql: string;
}

/**
 * The table with columns in which equal values are equal, under whatever key they were masked (where the contract has columns of
 * several keys), and the shared values.
 */
export function duplicatesViews(
  settings: Settings,
  { columns, userColumn, minUsers }: DuplicatesQuestion,
): readonly DuplicatesView[] {
  const table = targetOf(settings);
  const { schema } = postgresOf(settings);
  const comparable = comparableColumns(settings).filter(({ name }) => columns.includes(name));
  if (comparable.length === 0)
    throw new MasklineError("usage", "the contract has no column whose mask keeps equal values equal", {
      next: "mask a column with siv or hmac",
    });
  const tagged = comparable.flatMap(({ name, domain }) => (domain === null ? [] : [{ name, domain }]));
  const parts = { table, columns: comparable, userColumn, timeColumn: sentTimeColumn(settings), minUsers };
  return [
    ...(tagged.length === 0 ? [] : [{ name: equalityViewName(table), sql: equalityView(schema, table, tagged) }]),
    { name: sharedViewName(table), sql: sharedView(schema, parts) },
  ];
}

/** @throws MasklineError `database_refused` where one of them is there already: then none is created */
export async function applyViews(database: Database, views: readonly DuplicatesView[]): Promise<void> {
  await createViews(database, views);
}

/** The columns in which equal values have equal tokens; with a domain where the tokens say their key, which aliases make comparable. */
function comparableColumns(settings: Settings): readonly { readonly name: string; readonly domain: string | null }[] {
  return settings.columns.flatMap(({ column, mask }) =>
    mask === null || !maskFacts[mask.kind].keepsEquality
      ? []
      : [{ name: column.name, domain: maskFacts[mask.kind].tagged ? mask.domain : null }],
  );
}

function targetOf(settings: Settings): TableName {
  if (settings.target === null) throw missingOption(settings, "sink.postgres.table");
  return settings.target;
}
