import type { DomainKeys, MaskKind } from "../masks/mask.ts";
import type { KeyState } from "./keyset.ts";
import type { SealingKey } from "./sealing-key.ts";

/** What masking needs of a ring, and all that a writer's ring has. */
export interface MaskKeys {
  readonly primaryId: number;
  /** Every root by id, oldest first, whatever its state. */
  readonly keys: readonly { readonly id: number; readonly status: KeyState }[];
  /** The current one first. */
  readonly sealing: readonly SealingKey[];
  /**
   * The keys of one kind of mask in one domain: the primary (or `pinned`, for masks whose tokens do not say their key) makes tokens,
   * every enabled root opens them.
   * @throws MasklineError `key_unknown` when `pinned` is not an enabled key of this ring, `key_not_exported` when a writer's ring was
   * not made for this domain
   */
  domainKeys(kind: MaskKind, domain: string, pinned?: number | null): DomainKeys;
  /**
   * Of an enabled root: hashes whose a row is, for the vault.
   * @throws MasklineError `key_unknown`, or `key_not_exported` when a writer's ring was made for no vault
   */
  subjectKey(keyId: number): Uint8Array;
  /** What tells the enabled keys of a domain apart, to be kept beside the tokens. */
  checkValues(kind: MaskKind, domain: string): readonly CheckValue[];
}

export interface CheckValue {
  readonly id: number;
  readonly value: Buffer;
}
