import type { GrantOptions } from "../../postgres/recovery/grants-script.ts";
import { postgresOf } from "../assemble-sink.ts";
import { placedMasks } from "../config/configured-column.ts";
import { missingOption, type Settings } from "../config/load.ts";

/** What roles are given rights on: the schema, and the contract's table. */
export function grantOptions(settings: Settings, prefix: string): GrantOptions {
  const { target: table, columns } = settings;
  if (table === null) throw missingOption(settings, "sink.postgres.table");
  const masked = columns.filter((column) => placedMasks(column).length > 0);
  return {
    schema: postgresOf(settings).schema,
    prefix,
    target: { table, columns: columns.map(({ column }) => column.name), masked: masked.map(({ column }) => column.name) },
  };
}
