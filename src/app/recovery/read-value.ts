import { columnReader } from "../../contract/readers.ts";
import { MasklineError } from "../../errors.ts";
import type { KeyedColumn } from "./recoverable.ts";

/** A value as somebody typed it, in the form that its column's mask gets. @throws MasklineError `value_unfit`, without the value */
export function canonicalValue({ column }: Pick<KeyedColumn, "column">, typed: string): string {
  const read = columnReader(column)(typed);
  if (typeof read === "string" && read !== "") return read;
  const expected = typeof read === "string" ? "a value" : read.expected;
  throw new MasklineError("value_unfit", `what was given is no value that column ${column.name} takes; needed: ${expected}`, {
    next: "give one value, as an event would carry it",
  });
}
