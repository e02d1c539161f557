import { randomBytes } from "node:crypto";

import type { Column } from "../contract/column.ts";
import { createKeyRing } from "../keys/ring.ts";
import { createMask } from "../masks/create-mask.ts";
import { maskFacts, type MaskFacts } from "../masks/mask.ts";
import { longestText, placedMasks, type PlacedMask, withoutPinnedKeys } from "./config/configured-column.ts";
import type { Settings } from "./config/load.ts";
import { columnDemands, createMasks } from "./masks.ts";

/** What a mask of the user's own contract keeps and gives away. */
export interface MaskFinding extends Pick<MaskFacts, "reversible" | "tagged" | "authenticated" | "keepsEquality" | "keeps"> {
  /** With the path inside it, for a mask of a part. */
  readonly column: string;
  readonly kind: string;
  readonly domain: string | null;
  /** The longest token, in characters; null without a limit. */
  readonly longest: number | null;
  readonly warnings: readonly string[];
}

/** Every masked column, and every address or e-mail that is stored as it comes. */
export function reviewMasks(settings: Settings): readonly MaskFinding[] {
  // lengths do not depend on the keys: a ring of its own will do, as the user's may not be there yet
  const ring = createKeyRing(randomBytes);
  const demands = columnDemands(createMasks(withoutPinnedKeys(settings.columns), ring));
  const longestOf = ({ place, read, mask }: PlacedMask): number | null => {
    const column = demands.find(({ name }) => name === place);
    if (column !== undefined) return column.longest;
    return createMask(mask, mask.domain === null ? null : ring.domainKeys(mask.kind, mask.domain)).longestToken(longestText(read));
  };
  return settings.columns.flatMap(placedMasks).map((placed): MaskFinding => {
    const { place, mask } = placed;
    const { reversible, tagged, authenticated, keepsEquality, keeps } = maskFacts[mask.kind];
    return {
      column: place,
      kind: mask.kind,
      domain: mask.domain,
      reversible,
      tagged,
      authenticated,
      keepsEquality,
      keeps,
      longest: longestOf(placed),
      warnings: [...warnings(placed)],
    };
  });
}

/** Columns that hold what is personal by its type, and are stored as they come. */
export function unmaskedPersonalColumns(settings: Settings): readonly string[] {
  return settings.columns.flatMap(({ column, mask }) =>
    mask === null && (column.type === "ip" || column.type === "email") ? [column.name] : [],
  );
}

/** Where a mask may be weaker than the field needs. Rates are those of docs/why-not-sha256.md. */
function* warnings({ read, sought, mask: { kind, type, encode } }: PlacedMask): Generator<string> {
  if (sought !== null) yield "only what is found is masked: the rest of the text is stored as it comes";
  if (kind === "sha256") {
    yield "without a key hides nothing of small domains: all IPv4 addresses are tried in 192 s on one core; for reading a legacy table only";
  }
  if (kind === "hmac" || kind === "cmac") {
    const few = fewValues(read);
    yield few === null
      ? "one-way only for those without the key: whoever holds it can try values"
      : `one-way only for those without the key: whoever holds it can try ${few}`;
  }
  if (kind === "vault") {
    yield "its original is sealed in the database: whoever holds the private sealing key opens it, until its last subject is erased";
    const few = fewValues(read);
    if (few !== null) yield `whoever holds the mask's key can try ${few}, also after an erasure that leaves tokens in rows`;
  }
  if (kind === "siv" && encode === "text") {
    yield "the token's length tells the length of the value; encode: pad16 hides it up to 16 bytes";
  }
  if (kind === "ipcrypt-pfx")
    yield "addresses of one network have tokens of one network: who knows some of them knows where the others belong";
  if (maskFacts[kind].reversible && !maskFacts[kind].authenticated) {
    yield "a token that was altered or made up opens to a wrong value and is not noticed; siv notices";
  }
  if (kind === "partial") yield "what is kept is stored as it is: check that it does not tell people apart";
  if (kind === "generalise" && type !== "integer" && type !== "number") yield "rare days or hours can still tell people apart";
}

/** The values of a type that someone with the key would have to try, in words; null where they cannot be counted. */
function fewValues(read: Column): string | null {
  const { type } = read;
  const longest = longestText(read);
  if (type === "ip") return "all 4.3 billion IPv4 addresses within hours";
  if (type === "date" || type === "version") return `every ${type} at once`;
  if (type === "integer") return "numbers in their order";
  return type === "text" && longest !== null && longest <= 10
    ? `every text of up to ${longest} characters of a small alphabet`
    : null;
}
