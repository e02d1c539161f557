import type { ColumnType } from "../contract/column.ts";
import { columnOptions } from "../contract/options.ts";

type Options = (typeof columnOptions)["properties"]["mask"]["properties"];

/** The kinds of mask, as a contract names them. */
export const maskKinds: readonly MaskKind[] = columnOptions.properties.mask.properties.kind.enum;
export type MaskKind = Options["kind"]["enum"][number];

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
  /** Can be undone by trying values, without any key. */
  readonly insecure: boolean;
}

/** The one table of masks. A kind is added here and in create-mask.ts. */
export const maskFacts: Readonly<Record<MaskKind, MaskFacts>> = {
  siv: { input: "canonical", keyed: true, keyLengthBytes: 64, reversible: true, tagged: true, insecure: false },
  hmac: { input: "canonical", keyed: true, keyLengthBytes: 32, reversible: false, tagged: false, insecure: false },
  redact: { input: "canonical", keyed: false, keyLengthBytes: null, reversible: false, tagged: false, insecure: false },
  sha256: { input: "raw", keyed: false, keyLengthBytes: null, reversible: false, tagged: false, insecure: true },
};

/** `packed`: the 16 bytes of an address or UUID, so that a token's length tells nothing. `text`: the text in UTF-8. */
export type MaskEncoding = Options["encode"]["enum"][number];

/** How a column is masked, as the contract says. Equal definitions and keys give equal tokens. */
export interface MaskDefinition {
  readonly kind: MaskKind;
  /** The name under which the key is derived; null for masks without a key. */
  readonly domain: string | null;
  readonly type: ColumnType;
  readonly encode: MaskEncoding;
}

export interface Mask {
  readonly definition: MaskDefinition;
  readonly input: "canonical" | "raw";
  readonly reversible: boolean;
  readonly keyed: boolean;
  readonly tagged: boolean;
  /**
   * The tokens of a column, in its order. Throws when a value is not in the form the contract lets through: then nothing is masked,
   * and the error holds no value.
   */
  apply(values: readonly string[]): string[];
  /** The length in characters of the longest token of texts up to `maxCodePoints` (null: any length); null when there is no bound. */
  longestToken(maxCodePoints: number | null): number | null;
}

/** A value opened, or why not. `unknown_key`: a token of a key that is not at hand, or not in use. */
export type Opened = { readonly value: string } | { readonly failure: "not_a_token" | "unknown_key" | "not_authentic" };

/** A mask whose tokens the key opens again. */
export interface ReversibleMask extends Mask {
  /** The canonical values behind a column of tokens, in its order. One bad token does not stop its neighbours. */
  open(tokens: readonly string[]): Opened[];
  /** For each value, whether it is a token of this domain under any key at hand (authenticated, not only in its form). */
  recognises(values: readonly string[]): boolean[];
}

export function canRecognise(mask: Mask): mask is ReversibleMask {
  return mask.reversible;
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
