import type { ColumnType, VersionForm } from "../contract/column.ts";
import { columnOptions } from "../contract/options.ts";
import type { TextColumn } from "../contract/text-column.ts";

type Options = (typeof columnOptions)["properties"]["mask"]["properties"];

/** The kinds of mask, as a contract names them. */
export const maskKinds: readonly MaskKind[] = columnOptions.properties.mask.properties.kind.enum;
export type MaskKind = Options["kind"]["enum"][number];

/** An option of a mask that only some kinds have. */
export type MaskOptionName = Exclude<keyof Options, "kind" | "domain">;

/** What is true of every mask of a kind. */
export interface MaskFacts {
  /** `raw`: masks the text as it was sent instead of its canonical form, to match tokens made elsewhere. */
  readonly input: "canonical" | "raw";
  /** Needs a domain, and a key derived for it. */
  readonly keyed: boolean;
  readonly keyLengthBytes: number | null;
  /** The key gives the value back. */
  readonly reversible: boolean;
  /** The token says which key made it. */
  readonly tagged: boolean;
  /** A forged or altered token is noticed. */
  readonly authenticated: boolean;
  /** Equal values have equal tokens, and unequal ones unequal tokens. */
  readonly keepsEquality: boolean;
  /** What else a token keeps of its value, for people. */
  readonly keeps: "nothing" | "prefix" | "format" | "a part";
  /** Can be undone by trying values, without any key. */
  readonly insecure: boolean;
  /** The types of column it masks. */
  readonly types: readonly ColumnType[];
  /** What may stand beside `kind` and, for keyed masks, `domain`. */
  readonly options: readonly MaskOptionName[];
}

const scalarTypes: readonly ColumnType[] = ["text", "integer", "number", "uuid", "ip", "email", "date", "timestamp", "version"];
const everyType: readonly ColumnType[] = [...scalarTypes, "boolean", "json"];
const canonical = { input: "canonical", keepsEquality: true, keeps: "nothing", insecure: false } as const;
const unkeyed = { keyed: false, keyLengthBytes: null, reversible: false, tagged: false, authenticated: false } as const;
/** Without a key, and nothing to compare. */
const plain = { ...canonical, ...unkeyed, keepsEquality: false } as const;
const oneWay: MaskFacts = {
  ...canonical,
  keyed: true,
  keyLengthBytes: 32,
  reversible: false,
  tagged: false,
  authenticated: false,
  types: scalarTypes,
  options: ["encode", "key"],
};
/** A permutation of the values themselves: no room to say the key, nor to notice a forgery. */
const permutation = { ...canonical, keyed: true, reversible: true, tagged: false, authenticated: false } as const;

/** The one table of masks. A kind is added here and in create-mask.ts. */
export const maskFacts: Readonly<Record<MaskKind, MaskFacts>> = {
  siv: {
    ...canonical,
    keyed: true,
    keyLengthBytes: 64,
    reversible: true,
    tagged: true,
    authenticated: true,
    types: scalarTypes,
    options: ["encode"],
  },
  hmac: oneWay,
  cmac: oneWay,
  // as cmac, under a key of its own; what gives the value back is the sealed original beside it (postgres/vault.ts)
  vault: { ...oneWay, options: ["encode", "key", "subject"] },
  ipcrypt: { ...permutation, keyLengthBytes: 16, keeps: "format", types: ["ip"], options: ["key"] },
  "ipcrypt-pfx": { ...permutation, keyLengthBytes: 32, keeps: "prefix", types: ["ip"], options: ["key"] },
  ff1: { ...permutation, keyLengthBytes: 32, keeps: "format", types: ["text"], options: ["key", "alphabet", "template", "tweak"] },
  partial: { ...plain, keeps: "a part", types: ["text", "ip", "email"], options: ["first", "last", "ipv4_prefix", "ipv6_prefix"] },
  redact: { ...plain, types: scalarTypes, options: [] },
  null: { ...plain, types: everyType, options: [] },
  constant: { ...plain, types: scalarTypes, options: ["value"] },
  generalise: { ...plain, keeps: "a part", types: ["date", "timestamp", "integer", "number"], options: ["to", "bucket"] },
  sha256: { ...canonical, ...unkeyed, input: "raw", insecure: true, types: scalarTypes, options: ["salt", "salt_at", "insecure"] },
};

/** `packed`: the 16 bytes of an address or UUID, so that a token's length tells nothing. `text`: the text in UTF-8. `pad16`: the text, padded. */
export type MaskEncoding = Options["encode"]["enum"][number];

/** How a column is masked, as the contract says. Equal definitions and keys give equal tokens. */
export interface MaskDefinition {
  readonly kind: MaskKind;
  /** The name under which the key is derived; null for masks without a key. */
  readonly domain: string | null;
  readonly type: ColumnType;
  readonly encode: MaskEncoding;
  /** The root key of a mask whose tokens do not say it; null for the ring's primary. */
  readonly key: number | null;
  /** What else stands beside `kind`, as written. */
  readonly settings: MaskSettings;
}

/** What decides tokens beside kind, type and encoding: options of single kinds, and the form of a version; without defaults. */
export interface MaskSettings {
  readonly as?: Exclude<VersionForm, "major">;
  readonly alphabet?: string;
  readonly template?: string;
  readonly tweak?: string;
  readonly first?: number;
  readonly last?: number;
  readonly ipv4_prefix?: number;
  readonly ipv6_prefix?: number;
  readonly to?: Options["to"]["enum"][number];
  readonly bucket?: number;
  readonly value?: string;
  readonly salt?: string;
  readonly salt_at?: Options["salt_at"]["enum"][number];
}

/** What a column of tokens is to a database: `token` is a text that means nothing, `nothing` is NULL in every row. */
export type TokenForm = Exclude<ColumnType, "version"> | "token" | "nothing";

export interface Mask {
  readonly definition: MaskDefinition;
  readonly input: "canonical" | "raw";
  readonly reversible: boolean;
  readonly keyed: boolean;
  readonly tagged: boolean;
  readonly form: TokenForm;
  /**
   * The tokens of a column, in its order. Throws when a value is not in the form the contract lets through, or not one the mask can
   * take: then nothing is masked, and the error holds no value.
   */
  apply(values: readonly string[]): (string | null)[];
  /**
   * Appends the tokens of a column, one for each of its rows and in their order; null stays null. Tokens and failures are those of
   * `apply`; where it throws, no row was appended.
   */
  write(plain: TextColumn, tokens: TextColumn): void;
  /** The length in characters of the longest token of texts up to `maxCodePoints` (null: any length); null when there is no bound. */
  longestToken(maxCodePoints: number | null): number | null;
}

/** What the values of a column are given to: a mask, or masks of what lies inside them. `recognises...` as in AuthenticatedMask. */
export type ColumnMask = Pick<Mask, "form" | "apply" | "write" | "longestToken"> &
  Partial<Pick<AuthenticatedMask, "recognises" | "recognisesIn">> & {
    /** Where masks lie inside the values: each path, and its mask as if it were the only one. To find what is at fault, not for speed. */
    readonly parts?: readonly { readonly path: string; readonly mask: ColumnMask }[];
  };

/** A value opened, or why not. `unknown_key`: a token of a key that is not at hand, or not in use. */
export type Opened =
  | { readonly value: string }
  /** `no_original`: the vault has none, or none any more. */
  | { readonly failure: "not_a_token" | "no_original" | "unknown_key" | "not_authentic" };

/** A mask whose tokens the key opens again. Where it is not authenticated, a wrong token opens to a wrong value. */
export interface ReversibleMask extends Mask {
  apply(values: readonly string[]): string[];
  /** The canonical values behind a column of tokens, in its order. One bad token does not stop its neighbours. */
  open(tokens: readonly string[]): Opened[];
}

/** A mask that knows its own tokens. */
export interface AuthenticatedMask extends ReversibleMask {
  /** For each value, whether it is a token of this domain under any key at hand (authenticated, not only in its form). */
  recognises(values: readonly string[]): boolean[];
  /** The rows that hold such tokens, in their order; mostly none. */
  recognisesIn(plain: TextColumn): readonly number[];
}

/** A mask before it is one of columns (on-texts.ts). */
export type TextMask<M extends ColumnMask = Mask> = Omit<M, "write" | "recognisesIn">;

/** Whether a value as a whole is masked, and not only what lies inside it. */
export function masksWhole(mask: ColumnMask): mask is Mask {
  return "definition" in mask;
}

/** Whether there is a way back from a mask's tokens: by its key, or out of the vault. */
export function givesBack(kind: MaskKind): boolean {
  return maskFacts[kind].reversible || kind === "vault";
}

export function canOpen(mask: Mask): mask is ReversibleMask {
  return "open" in mask;
}

export function canRecognise(mask: Mask): mask is AuthenticatedMask {
  return "recognises" in mask;
}

export interface DomainKey {
  /** The id of the root the key was derived from. */
  readonly id: number;
  readonly key: Uint8Array;
}

/** The keys of one kind of mask in one domain. */
export interface DomainKeys {
  /** Makes all new tokens. */
  readonly primary: DomainKey;
  /** Open tokens; the primary is among them. */
  readonly known: readonly DomainKey[];
}
