import { compileJsonPath, type JsonPlace, replaceAt, valueAt } from "../contract/json-path.ts";
import { isBlank } from "../contract/reading.ts";
import { MasklineError } from "../errors.ts";
import type { ColumnMask, Mask, TextMask } from "./mask.ts";
import { onTexts } from "./on-texts.ts";

/** One path inside the values of a JSON column, and the mask of what it leads to. */
export interface MaskedPath {
  readonly path: string;
  readonly mask: Mask;
}

/** The values at one path, of a whole column of JSON texts. */
interface PathColumn {
  readonly mask: Mask;
  readonly places: readonly JsonPlace[];
  readonly values: readonly string[];
  /** For each value, the JSON text it comes from. */
  readonly rows: readonly number[];
}

/**
 * Masks what lies at paths inside JSON texts, and leaves all else as it is. Each mask is called once a batch, with the values of all
 * texts: tokens are those of a plain column of the same domain. A token is written as a text, whatever the type of its value.
 */
export function createJsonPathsMask(paths: readonly MaskedPath[]): ColumnMask {
  const parts = paths.map((one) => ({ path: one.path, mask: createPathsMask([one]) }));
  return { ...createPathsMask(paths), parts };
}

function createPathsMask(paths: readonly MaskedPath[]): ColumnMask {
  const compiled = paths.map(({ path, mask }) => ({ find: compileJsonPath(path), mask }));

  const gather = (roots: readonly unknown[]): readonly PathColumn[] =>
    compiled.map(({ find, mask }) => {
      const places: JsonPlace[] = [];
      const values: string[] = [];
      const rows: number[] = [];
      roots.forEach((root, row) => {
        for (const place of find(root).places) {
          const value = valueAt(place);
          if (value === null || isBlank(value)) continue;
          // The contract has made a text of every value: anything else would be stored as it came.
          if (typeof value !== "string")
            throw new MasklineError("internal", "a value that is no text reached the mask of its path");
          places.push(place);
          values.push(value);
          rows.push(row);
        }
      });
      return { mask, places, values, rows };
    });

  return onTexts<TextMask<ColumnMask>>({
    form: "json",
    apply(texts) {
      const roots = texts.map((text): unknown => JSON.parse(text));
      for (const { mask, places, values } of gather(roots)) {
        const tokens = mask.apply(values);
        places.forEach((place, index) => replaceAt(place, tokens[index] ?? null));
      }
      return roots.map((root) => JSON.stringify(root));
    },
    recognises(texts) {
      const recognised = texts.map(() => false);
      for (const { mask, values, rows } of gather(texts.map((text): unknown => JSON.parse(text)))) {
        if (values.length === 0) continue;
        (mask as ColumnMask).recognises?.(values).forEach((ours, index) => {
          if (ours) recognised[rows[index] as number] = true;
        });
      }
      return recognised;
    },
    longestToken: () => null,
  });
}
