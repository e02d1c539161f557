import type { TextColumn } from "../contract/text-column.ts";
import type { AuthenticatedMask, Mask } from "./mask.ts";

/** What is made of texts, and so not yet of columns. */
type OfTexts = Pick<Mask, "apply"> & Partial<Pick<AuthenticatedMask, "recognises">>;
type OnTexts = Pick<Mask, "write"> & Partial<Pick<AuthenticatedMask, "recognisesIn">>;

/** A mask of texts as one of columns too: for those that gain nothing from reading bytes. */
export function onTexts<M extends OfTexts>(mask: M): M & OnTexts {
  return {
    ...mask,
    write: (plain, tokens) => writeApplied(mask, plain, tokens),
    ...(mask.recognises === undefined ? {} : { recognisesIn: (plain: TextColumn) => recognisedRows(mask, plain) }),
  };
}

/** `Mask.write` by way of `apply`. */
function writeApplied(mask: OfTexts, plain: TextColumn, tokens: TextColumn): void {
  const applied = mask.apply(presentTexts(plain));
  let next = 0;
  for (let row = 0; row < plain.count; row += 1) tokens.add(plain.isNull(row) ? null : (applied[next++] ?? null));
}

function recognisedRows(mask: OfTexts, plain: TextColumn): readonly number[] {
  const recognised = mask.recognises?.(presentTexts(plain)) ?? [];
  const rows: number[] = [];
  let next = 0;
  for (let row = 0; row < plain.count; row += 1) if (!plain.isNull(row) && recognised[next++] === true) rows.push(row);
  return rows;
}

function presentTexts(plain: TextColumn): string[] {
  const texts: string[] = [];
  for (let row = 0; row < plain.count; row += 1) {
    const text = plain.at(row);
    if (text !== null) texts.push(text);
  }
  return texts;
}
