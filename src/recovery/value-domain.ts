import { alphabetOf, codePoints, fewestCharacters, placeholder } from "../masks/ff1/alphabet.ts";
import type { MaskDefinition, MaskSettings } from "../masks/mask.ts";
import type { Sought } from "../masks/scan/detectors.ts";

/** How many values could stand behind a token, as far as type and mask say. */
export interface ValueDomain {
  /** Null where the type sets no limit worth counting: then only words that someone thinks of are tried. */
  readonly values: number | null;
  /** The same for people. */
  readonly says: string;
}

/** 0001-01-01 to 9999-12-31. */
const days = 3_652_059;
const microsecondsPerDay = 86_400e6;
const longestFf1 = 1_024;

/** All values that a column of this definition can take. IPv6 is left out of what can be tried: 2^128 is out of reach. */
export function valueDomainOf(definition: Pick<MaskDefinition, "kind" | "type" | "settings">, max: number | null): ValueDomain {
  const { kind, type, settings } = definition;
  if (kind === "ff1") return ff1Domain(settings, max);
  switch (type) {
    case "ip":
      return { values: 2 ** 32, says: "IPv4 addresses; IPv6 is out of reach" };
    case "uuid":
      return { values: 2 ** 128, says: "UUIDs" };
    case "integer":
      return { values: 2 ** 64, says: "64-bit integers" };
    case "date":
      return { values: days, says: "days of the years 1 to 9999" };
    case "timestamp":
      return { values: days * microsecondsPerDay, says: "microseconds of the years 1 to 9999" };
    case "boolean":
      return { values: 2, says: "true and false" };
    case "version":
      return versionDomain(settings.as);
    case "text":
    case "number":
    case "email":
    case "json":
      return { values: null, says: type === "email" ? "e-mail addresses" : type === "number" ? "decimal numbers" : "texts" };
  }
}

/** What a scanner looks for; a pattern of the user's own counts as any text. */
export function soughtDomain(sought: Sought): ValueDomain & { readonly name: string } {
  if (typeof sought !== "string") return { name: sought.name, values: null, says: "texts" };
  const ip = valueDomainOf({ kind: "siv", type: "ip", settings: {} }, null);
  const known: Readonly<Record<string, ValueDomain>> = {
    ip,
    uuid: valueDomainOf({ kind: "siv", type: "uuid", settings: {} }, null),
    "ssn-shape": { values: 10 ** 9, says: "numbers of nine digits" },
    // the last digit follows from the others (ISO/IEC 7812-1)
    card: { values: 10 ** 15, says: "card numbers of 16 digits" },
  };
  return { name: sought, ...(known[sought] ?? { values: null, says: "texts" }) };
}

function versionDomain(as: MaskSettings["as"]): ValueDomain {
  // as contract/version.ts reads them: parts of one to nine digits
  const parts = 1_111_111_110;
  if (as === "packed") return { values: 2_147 * 1_000 * 1_000, says: "versions in one number" };
  if (as === "digits") return { values: 2 ** 31, says: "versions as digits" };
  if (as === "text") return { values: parts + parts ** 2 + parts ** 3 + parts ** 4, says: "versions of up to four numbers" };
  return { values: 10 ** 9, says: "first numbers of versions" };
}

function ff1Domain({ alphabet, template }: MaskSettings, max: number | null): ValueDomain {
  const radix = alphabetOf(alphabet).length;
  if (template !== undefined) {
    const places = codePoints(template).filter((character) => character === placeholder).length;
    return { values: radix ** places, says: `texts of the form ${template}` };
  }
  const longest = Math.min(max ?? longestFf1, longestFf1);
  let values = 0;
  for (let length = fewestCharacters(radix); length <= longest; length += 1) values += radix ** length;
  return { values: Number.isFinite(values) ? values : null, says: `texts of ${radix} characters, up to ${longest} long` };
}
