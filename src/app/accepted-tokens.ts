import type { PassesAsIs } from "../contract/column-reader.ts";
import { TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import { canRecognise, masksWhole } from "../masks/mask.ts";
import { readToken } from "../masks/token.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import type { Rows } from "../pipeline/ports.ts";
import type { TaggedColumn } from "../recovery/remask.ts";

/** A token is no address and no UUID: where tokens are accepted it has to pass before its column's type is looked at. */
export function tokensPass(masked: readonly MaskedColumn[]): ReadonlyMap<string, PassesAsIs> {
  return new Map(
    masked.flatMap(({ column, mask }) =>
      mask !== null && masksWhole(mask) && canRecognise(mask)
        ? [[column.name, (text: string) => mask.recognises([text])[0] === true]]
        : [],
    ),
  );
}

/**
 * Brings accepted tokens of older keys under the key of today, as a rekey would: a database that has counted a key out must not get new
 * rows under it.
 */
export function underTodaysKey(columns: readonly (TaggedColumn | null)[], rows: Rows): Rows {
  const remade = rows.columns.map((column, index) => {
    const tagged = columns[index] ?? null;
    return tagged === null ? column : remakeColumn(tagged, column);
  });
  return { ...rows, columns: remade };
}

function remakeColumn({ mask, keyId }: TaggedColumn, column: TextColumn): TextColumn {
  const tokens = column.texts();
  const old = tokens.flatMap((token, row) => (token === null || readToken(token)?.keyId === keyId ? [] : [row]));
  if (old.length === 0) return column;
  const values = mask.open(old.map((row) => tokens[row] as string)).map((opened) => {
    if ("value" in opened) return opened.value;
    throw new MasklineError("internal", "a token that was recognised does not open");
  });
  const made = mask.apply(values);
  for (const [index, row] of old.entries()) tokens[row] = made[index] as string;
  return TextColumn.of(tokens);
}
