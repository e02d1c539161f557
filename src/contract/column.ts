import type { FromSchema } from "json-schema-to-ts";

import { columnOptions, type decodeOptions, type insideOptions } from "./options.ts";

/** One entry of `columns` in maskline.yaml. */
export type ColumnOptions = FromSchema<typeof columnOptions> & {
  readonly paths?: FromSchema<typeof insideOptions.paths>;
  readonly scan?: FromSchema<typeof insideOptions.scan>;
};
type Options = (typeof columnOptions)["properties"];

/** The types a column can have. What each reads and writes is in readers.ts. */
export const columnTypes: readonly ColumnType[] = columnOptions.properties.type.enum;
export type ColumnType = Options["type"]["enum"][number];

/** How a `version` column is stored. */
export type VersionForm = Options["as"]["enum"][number];

/** What `decode` can unwrap, in the order it is written. */
export type Decoding = (typeof decodeOptions)["items"]["enum"][number];

/** One column of the target table, as the contract describes it. */
export interface Column {
  /** The column's name in the table. */
  readonly name: string;
  /** A dotted path into the body, or `$sent_at`, `$message_id`, `$received_at`, `$group_id`, `$attributes.NAME`. */
  readonly from: string;
  readonly type: ColumnType;
  /** Only for `version`. */
  readonly as: VersionForm;
  /** The longest text allowed, in code points; null for no limit. */
  readonly max: number | null;
  readonly required: boolean;
  /** Used where the field is absent or null, written as the event would carry it; null for SQL NULL. Never in a masked column. */
  readonly fallback: string | null;
  /** What a mask wants: the canonical form, or (legacy hashes) the text as it was sent. `no` for a column that is not masked. */
  readonly masked: "no" | "canonical" | "raw";
  /** Only for `json`: what is masked inside the value. `name` is the path, `from` the column's own and the path. */
  readonly paths?: readonly Column[];
}

/** What a message must be to become a row. */
export interface Contract {
  readonly columns: readonly Column[];
  readonly decode: readonly Decoding[];
  /** The largest body accepted, after unpacking, in bytes. */
  readonly maxBodyBytes: number;
  /** What makes two deliveries the same message: a path into the body, or `$attributes.NAME`. Left out: the id of the message. */
  readonly identity?: string;
}
