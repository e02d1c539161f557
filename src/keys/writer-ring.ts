import { createSecretKey, type KeyObject } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { type DomainKeys, maskFacts, type MaskKind } from "../masks/mask.ts";
import type { KeyState } from "./keyset.ts";
import type { CheckValue, MaskKeys } from "./mask-keys.ts";
import { hasTwins, type KeyRing, unknownKey, visibleBits } from "./ring.ts";
import type { SealingKey } from "./sealing-key.ts";
import { malformed } from "./strict-json.ts";

/** One key of one kind of mask in one domain, derived from the root of that id. */
export interface DerivedKey {
  readonly kind: MaskKind;
  readonly domain: string;
  readonly keyId: number;
  readonly key: KeyObject;
  /** What the database keeps of this key; not secret. */
  readonly check: Buffer;
}

/** What hashes subjects under the root of that id. */
export interface SubjectKey {
  readonly keyId: number;
  readonly key: KeyObject;
}

/** A keyed mask of a contract: what a writer's ring must hold a key for. */
export interface KeyDemand {
  readonly kind: MaskKind;
  readonly domain: string;
  /** The key that the contract names; null for the primary. */
  readonly pinned: number | null;
}

/** What may be shown of a writer's ring. */
export interface WriterKeyRingSummary {
  readonly primaryId: number;
  readonly keys: readonly { readonly id: number; readonly status: KeyState }[];
  readonly domains: readonly { readonly kind: MaskKind; readonly domain: string; readonly keyId: number }[];
  readonly sealing: readonly { readonly id: number; readonly opens: boolean }[];
}

/**
 * What a pipeline needs to write, and no more: the derived keys of its contract and the public half of the sealing key. No root, so no
 * other domain; no private key, so nothing sealed opens. As in a full ring nothing that prints it shows a key.
 */
export class WriterKeyRing implements MaskKeys {
  readonly primaryId: number;
  readonly keys: readonly { readonly id: number; readonly status: KeyState }[];
  readonly sealing: readonly SealingKey[];
  readonly #derived: readonly DerivedKey[];
  readonly #subjects: readonly SubjectKey[];

  /** @throws MasklineError `keyring_malformed` when the ids do not make a ring, or a key does not belong to one of them */
  constructor(
    primaryId: number,
    keys: WriterKeyRing["keys"],
    derived: readonly DerivedKey[],
    sealing: readonly Pick<SealingKey, "id" | "publicKey">[],
    subjects: readonly SubjectKey[] = [],
  ) {
    const statusOf = new Map(keys.map(({ id, status }) => [id, status]));
    if (statusOf.get(primaryId) !== "ENABLED") throw malformed("primaryKeyId", "the id of an enabled key", "another id");
    if (hasTwins(keys.map(({ id }) => visibleBits(id)))) {
      throw malformed("keys", "ids that differ in their first 28 bits", "two that do not");
    }
    if (hasTwins(sealing.map(({ id }) => id))) throw malformed("sealing", "keys of different ids", "two of the same id");
    derived.forEach(({ kind, key, keyId }, index) => {
      const { keyLengthBytes } = maskFacts[kind];
      if (key.symmetricKeySize !== keyLengthBytes) throw malformed(`derived[${index}].key`, `a key of ${kind}`, "another length");
      if (statusOf.get(keyId) !== "ENABLED") throw malformed(`derived[${index}].keyId`, "the id of an enabled key", "another id");
    });
    if (hasTwins(derived.map(({ kind, domain, keyId }) => JSON.stringify([kind, domain, keyId])))) {
      throw malformed("derived", "one key for each kind, domain and root", "two");
    }
    subjects.forEach(({ keyId }, index) => {
      if (statusOf.get(keyId) !== "ENABLED") throw malformed(`subjects[${index}].keyId`, "the id of an enabled key", "another id");
    });
    if (hasTwins(subjects.map(({ keyId }) => keyId))) throw malformed("subjects", "one key for each root", "two");
    this.primaryId = primaryId;
    this.keys = keys;
    this.sealing = sealing.map(({ id, publicKey }) => ({ id, publicKey, privateKey: null }));
    this.#derived = derived;
    this.#subjects = subjects;
  }

  get subjects(): readonly SubjectKey[] {
    return this.#subjects;
  }

  get derived(): readonly DerivedKey[] {
    return this.#derived;
  }

  domainKeys(kind: MaskKind, domain: string, pinned: number | null = null): DomainKeys {
    const id = pinned ?? this.primaryId;
    if (!this.keys.some((key) => key.id === id && key.status === "ENABLED")) throw unknownKey(id);
    const known = this.#of(kind, domain).map(({ keyId, key }) => ({ id: keyId, key: key.export() }));
    const primary = known.find((key) => key.id === id);
    if (primary === undefined) throw notExported(kind, domain, id);
    return { primary, known };
  }

  checkValues(kind: MaskKind, domain: string): readonly CheckValue[] {
    return this.#of(kind, domain).map(({ keyId, check }) => ({ id: keyId, value: check }));
  }

  subjectKey(keyId: number): Uint8Array {
    const subject = this.#subjects.find((key) => key.keyId === keyId);
    if (subject === undefined) throw missingOf(`subject key under key ${keyId}, which a vault needs`);
    return subject.key.export();
  }

  #of(kind: MaskKind, domain: string): readonly DerivedKey[] {
    return this.#derived.filter((one) => one.kind === kind && one.domain === domain);
  }

  toJSON(): WriterKeyRingSummary {
    return {
      primaryId: this.primaryId,
      keys: this.keys,
      domains: this.#derived.map(({ kind, domain, keyId }) => ({ kind, domain, keyId })),
      sealing: this.sealing.map(({ id }) => ({ id, opens: false })),
    };
  }
}

/**
 * The writer's part of a full ring. Masks that recognise their own tokens get the keys of every enabled root, all others only the one
 * that they mask with.
 * @throws MasklineError `key_unknown` when the contract names a key that is not enabled
 */
export function writerRingOf(ring: KeyRing, demands: readonly KeyDemand[]): WriterKeyRing {
  const derived = demands.flatMap(({ kind, domain, pinned }) => {
    const { primary, known } = ring.domainKeys(kind, domain, pinned);
    const checks = new Map(ring.checkValues(kind, domain).map(({ id, value }) => [id, value]));
    return (maskFacts[kind].tagged ? known : [primary]).map(({ id, key }): DerivedKey => {
      const check = checks.get(id);
      if (check === undefined) throw new MasklineError("internal", "a key without its check value");
      return { kind, domain, keyId: id, key: createSecretKey(key), check };
    });
  });
  const vaults = demands.filter(({ kind }) => kind === "vault").map(({ pinned }) => pinned ?? ring.primaryId);
  const subjects = [...new Set(vaults)].map((keyId): SubjectKey => ({ keyId, key: createSecretKey(ring.subjectKey(keyId)) }));
  return new WriterKeyRing(ring.primaryId, ring.keys, derived, ring.sealing, subjects);
}

function notExported(kind: MaskKind, domain: string, id: number): MasklineError {
  return missingOf(`${kind} key of domain ${domain} under key ${id}`);
}

function missingOf(what: string): MasklineError {
  return new MasklineError("key_not_exported", `this writer's key ring has no ${what}`, {
    next: "with the full ring and this contract: maskline keys export --writer FILE",
  });
}
