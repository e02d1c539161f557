import { MasklineError } from "../errors.ts";
import type { Condition } from "../postgres/recovery/token-selection.ts";

/** COLUMN, as a name or quoted as in SQL, an operator, and all the rest is the value. */
const form = /^\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))\s*(!=|<=|>=|=|<|>|\slike\s)\s*([^]*)$/i;

/** @throws MasklineError `usage`, without what was written: there may be a value in it */
export function readCondition(text: string): Condition {
  const [, quoted, plain, operator = "", value = ""] = form.exec(text) ?? [];
  const column = quoted?.replaceAll('""', '"') ?? plain;
  if (column === undefined) {
    throw new MasklineError("usage", "--where was not understood", {
      next: 'write --where COLUMN=VALUE; instead of = also != < <= > >= and "like"; more of them hold together',
    });
  }
  return { column, operator: operator.trim().toLowerCase() as Condition["operator"], value };
}
