import { canonicalForms } from "../contract/canonical.ts";
import { MasklineError } from "../errors.ts";
import { type Mask, maskFacts, type MaskDefinition, type MaskSettings, type TextMask } from "./mask.ts";
import { settingOf } from "./settings.ts";

type Coarse = Pick<Mask, "form" | "apply" | "longestToken">;

/** A time or number made coarse: it keeps its type, and many values become one. */
export function createGeneraliseMask(definition: MaskDefinition): TextMask {
  return { definition, ...maskFacts.generalise, ...coarseOf(definition) };
}

function coarseOf(definition: MaskDefinition): Coarse {
  const { type } = definition;
  if (type === "date" || type === "timestamp") return startOf(settingOf(definition, "to"), type);
  if (type === "integer" || type === "number") return multipleBelow(BigInt(settingOf(definition, "bucket")), type);
  throw new MasklineError("internal", `a generalise mask of a column of type ${type}`);
}

/** How much of a canonical text stays, and what stands behind it then. Both types begin alike. */
const kept: Readonly<Record<NonNullable<MaskSettings["to"]>, { readonly characters: number; readonly rest: string }>> = {
  hour: { characters: "2024-01-31T23".length, rest: ":00:00Z" },
  day: { characters: "2024-01-31".length, rest: "T00:00:00Z" },
  month: { characters: "2024-01".length, rest: "-01T00:00:00Z" },
  year: { characters: "2024".length, rest: "-01-01T00:00:00Z" },
};

const startForm = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:00:00Z)?$/;

/** The start of a value's hour, day, month or year in UTC, which canonical texts are in. */
function startOf(to: NonNullable<MaskSettings["to"]>, type: "date" | "timestamp"): Coarse {
  if (type === "date" && (to === "hour" || to === "day")) throw new MasklineError("internal", `a date cut to its ${to}`);
  const { characters, rest } = kept[to];
  const behind = type === "date" ? rest.replace(/T.*$/, "") : rest;
  return {
    form: type,
    apply: (values) =>
      values.map((value) => {
        const start = value.slice(0, characters) + behind;
        if (!startForm.test(start)) throw new MasklineError("internal", `a value that is no ${type} reached its mask`);
        return start;
      }),
    longestToken: () => characters + behind.length,
  };
}

const decimalForm = /^(-?)(\d+)(\.\d+)?$/;
const smallestBigint = -(2n ** 63n);

/** The next multiple of `bucket` at or below a value, by its decimal digits: exact for every number a text can write. */
function multipleBelow(bucket: bigint, type: "integer" | "number"): Coarse {
  return {
    form: type,
    apply: (values) =>
      values.map((value) => {
        const [, sign = "", whole, fraction] = decimalForm.exec(value) ?? [];
        if (whole === undefined) throw new MasklineError("internal", `a value that is no ${type} reached its mask`);
        // the multiples are whole: what counts of a number is the next whole one at or below it
        const floor = BigInt(sign + whole) - (sign !== "" && fraction !== undefined ? 1n : 0n);
        const above = floor % bucket;
        const multiple = floor - above - (above < 0n ? bucket : 0n);
        if (type === "integer" && multiple < smallestBigint) throw new MasklineError("internal", "a multiple below -2^63");
        return String(multiple);
      }),
    longestToken(maxCodePoints) {
      const longest = Math.min(maxCodePoints ?? Infinity, canonicalForms[type].longest ?? Infinity);
      // a negative value grows by less than one bucket: a digit more than the longer of the two, and the sign
      const grown = Math.max(longest - 1, String(bucket).length) + 2;
      return type === "integer" ? Math.min(grown, canonicalForms.integer.longest ?? Infinity) : grown;
    },
  };
}
