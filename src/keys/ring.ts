import { createSecretKey } from "node:crypto";

import { MasklineError } from "../errors.ts";
import type { DomainKeys, MaskKind } from "../masks/mask.ts";
import { deriveCheckValue, deriveMaskKey, deriveRecoveryKey } from "./derive.ts";
import { type KeyState, readKeyset, type RootKey, rootKeyBytes, writeKeyset } from "./keyset.ts";
import type { CheckValue, MaskKeys } from "./mask-keys.ts";
import { createSealingKey, publicKeyOf, type SealingKey, sealingKeyBytes } from "./sealing-key.ts";
import { malformed, parseJson, readBase64, readFormat, readKeyId, readList, readMembers } from "./strict-json.ts";

type EnabledRoot = Extract<RootKey, { readonly status: "ENABLED" | "DISABLED" }>;

/** What may be shown of a ring. */
export interface KeyRingSummary {
  readonly primaryId: number;
  readonly roots: readonly { readonly id: number; readonly status: KeyState }[];
  readonly sealing: readonly { readonly id: number; readonly opens: boolean }[];
}

/**
 * Roots by id, one of them primary, and the sealing keys, the first of which is current. Private fields, and KeyObjects in them:
 * however a ring is printed or serialised, it shows ids and states at most.
 */
export class KeyRing implements MaskKeys {
  readonly #primary: EnabledRoot;
  readonly #roots: readonly RootKey[];
  readonly #sealing: readonly SealingKey[];

  /** @throws MasklineError `keyring_malformed` when the ids or the primary do not make a ring */
  constructor(primaryId: number, roots: readonly RootKey[], sealing: readonly SealingKey[]) {
    const primary = roots.find(({ id }) => id === primaryId);
    if (primary === undefined) throw malformed("keyset.primaryKeyId", "the id of a key in the keyset", "another id");
    if (primary.status !== "ENABLED") throw malformed("the primary key", "ENABLED", primary.status);
    if (hasTwins(roots.map(({ id }) => visibleBits(id)))) {
      throw malformed("keyset.key", "keys whose ids differ in their first 28 bits", "two that do not");
    }
    if (hasTwins(sealing.map(({ id }) => id))) throw malformed("sealing", "keys of different ids", "two of the same id");
    this.#primary = primary;
    this.#roots = roots;
    this.#sealing = sealing;
  }

  get primary(): EnabledRoot {
    return this.#primary;
  }

  get roots(): readonly RootKey[] {
    return this.#roots;
  }

  get sealing(): readonly SealingKey[] {
    return this.#sealing;
  }

  get primaryId(): number {
    return this.#primary.id;
  }

  get keys(): readonly { readonly id: number; readonly status: KeyState }[] {
    return this.#roots.map(({ id, status }) => ({ id, status }));
  }

  domainKeys(kind: MaskKind, domain: string, pinned: number | null = null): DomainKeys {
    const known = this.#enabled().map(({ id, key }) => ({ id, key: deriveMaskKey(key, kind, domain) }));
    const primary = known.find(({ id }) => id === (pinned ?? this.#primary.id));
    if (primary === undefined) throw unknownKey(pinned ?? this.#primary.id);
    return { primary, known };
  }

  checkValues(kind: MaskKind, domain: string): readonly CheckValue[] {
    return this.#enabled().map(({ id, key }) => ({ id, value: deriveCheckValue(key, kind, domain) }));
  }

  subjectKey(keyId: number): Uint8Array {
    const root = this.#enabled().find(({ id }) => id === keyId);
    if (root === undefined) throw unknownKey(keyId);
    return deriveRecoveryKey(root.key, "subject");
  }

  #enabled(): readonly EnabledRoot[] {
    return this.#roots.filter((root): root is EnabledRoot => root.status === "ENABLED");
  }

  toJSON(): KeyRingSummary {
    return {
      primaryId: this.#primary.id,
      roots: this.keys,
      sealing: this.#sealing.map(({ id, privateKey }) => ({ id, opens: privateKey !== null })),
    };
  }
}

/** A key that a contract names and this ring does not have, or does not have enabled. */
export function unknownKey(id: number): MasklineError {
  return new MasklineError("key_unknown", `key ${id} is not an enabled key of this ring`, {
    next: "maskline keys list shows the ids; write one of the enabled ones",
  });
}

/** A new ring: one root and one sealing key pair. `randomBytes` must be that of node:crypto outside of tests. */
export function createKeyRing(randomBytes: (lengthBytes: number) => Buffer): KeyRing {
  const id = randomKeyId(randomBytes);
  const root: RootKey = { id, status: "ENABLED", key: createSecretKey(randomBytes(rootKeyBytes)) };
  return new KeyRing(id, [root], [createSealingKey(randomKeyId(randomBytes), randomBytes)]);
}

const format = "maskline-keyring";
const version = 1;

/** The ring as a file holds it, secrets included. */
export function serializeKeyRing(ring: KeyRing): string {
  const file = {
    format,
    version,
    keyset: writeKeyset({ primaryId: ring.primary.id, roots: ring.roots }),
    sealing: ring.sealing.map(({ id, publicKey, privateKey }) => ({
      id,
      publicKey: Buffer.from(publicKey).toString("base64"),
      privateKey: privateKey?.export().toString("base64") ?? null,
    })),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** @throws MasklineError `keyring_malformed` */
export function parseKeyRing(text: string): KeyRing {
  const file = parseJson(text);
  readFormat(file, format, version);
  const members = readMembers(file, "the file", ["format", "version", "keyset", "sealing"]);
  const { primaryId, roots } = readKeyset(members["keyset"]);
  const sealing = readList(members["sealing"], "sealing").map((key, index) => readSealingKey(key, `sealing[${index}]`));
  return new KeyRing(primaryId, roots, sealing);
}

function readSealingKey(value: unknown, place: string): SealingKey {
  const members = readMembers(value, place, ["id", "publicKey", "privateKey"]);
  const id = readKeyId(members["id"], `${place}.id`);
  const publicKey = readBase64(members["publicKey"], `${place}.publicKey`, sealingKeyBytes);
  if (members["privateKey"] === null) return { id, publicKey, privateKey: null };
  const privateKey = readBase64(members["privateKey"], `${place}.privateKey`, sealingKeyBytes);
  if (!publicKeyOf(privateKey).equals(publicKey)) throw malformed(place, "a key pair", "halves of two pairs");
  return { id, publicKey, privateKey: createSecretKey(privateKey) };
}

/** The first six characters of a token hold the top 28 bits of its key id: there the ids of a ring must differ. */
export function visibleBits(id: number): number {
  return id >>> 4;
}

export function hasTwins(ids: readonly (number | string)[]): boolean {
  return new Set(ids).size < ids.length;
}

function randomKeyId(randomBytes: (lengthBytes: number) => Buffer): number {
  // Zero is what a forgotten id looks like; Tink does not take it.
  return randomBytes(4).readUInt32BE() || randomKeyId(randomBytes);
}
