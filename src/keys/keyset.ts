import { createSecretKey, type KeyObject } from "node:crypto";

import {
  type JsonMembers,
  malformed,
  readBase64,
  readConstant,
  readKeyId,
  readList,
  readMembers,
  readOneOf,
} from "./strict-json.ts";

export const keyStates = ["ENABLED", "DISABLED", "DESTROYED"] as const;
export type KeyState = (typeof keyStates)[number];

/**
 * A root key: everything secret but the sealing keys is derived from it. The key is a KeyObject because that, unlike a buffer, shows
 * its content to nothing that prints, compares or serialises it.
 */
export type RootKey =
  | { readonly id: number; readonly status: "ENABLED" | "DISABLED"; readonly key: KeyObject }
  | { readonly id: number; readonly status: "DESTROYED" };

export const rootKeyBytes = 32;

export interface Keyset {
  readonly primaryId: number;
  readonly roots: readonly RootKey[];
}

/**
 * The roots as a Google Tink keyset in JSON, so that Tink derives our keys in any language: HKDF PRF keys with SHA-256 and no salt.
 * Only what is written here is read: a key that another program would read otherwise must not make tokens.
 */
export const prfTypeUrl = "type.googleapis.com/google.crypto.tink.HkdfPrfKey";
export const keyMaterialType = "SYMMETRIC";
const outputPrefixType = "RAW";

/**
 * Tink's HkdfPrfKey in protobuf before the 32 bytes of the key: field 2 (params, 2 bytes long) with field 1 (hash) = 3 (SHA256), then
 * field 3 (key_value), 32 bytes long. Version 0 and the empty salt are defaults, which protobuf leaves out.
 */
const protoPrefix = Buffer.from("120208031a20", "hex");

export function writeKeyset({ primaryId, roots }: Keyset): unknown {
  return { primaryKeyId: primaryId, key: roots.map(writeRoot) };
}

function writeRoot(root: RootKey): unknown {
  const { id, status } = root;
  if (status === "DESTROYED") return { status, keyId: id, outputPrefixType };
  const value = prfKeyProto(root.key).toString("base64");
  return { keyData: { typeUrl: prfTypeUrl, keyMaterialType, value }, status, keyId: id, outputPrefixType };
}

/** A root as Tink's HkdfPrfKey in protobuf. */
export function prfKeyProto(key: KeyObject): Buffer {
  return Buffer.concat([protoPrefix, key.export()]);
}

/** @throws MasklineError `keyring_malformed` */
export function readKeyset(value: unknown): Keyset {
  const keyset = readMembers(value, "keyset", ["primaryKeyId", "key"]);
  return {
    primaryId: readKeyId(keyset["primaryKeyId"], "keyset.primaryKeyId"),
    roots: readList(keyset["key"], "keyset.key").map((key, index) => readRoot(key, `keyset.key[${index}]`)),
  };
}

function readRoot(value: unknown, place: string): RootKey {
  const destroyed = typeof value === "object" && value !== null && "status" in value && value.status === "DESTROYED";
  const names = ["status", "keyId", "outputPrefixType"];
  const members = readMembers(value, place, destroyed ? names : ["keyData", ...names]);
  readConstant(members["outputPrefixType"], `${place}.outputPrefixType`, outputPrefixType);
  const id = readKeyId(members["keyId"], `${place}.keyId`);
  const status = readOneOf(members["status"], `${place}.status`, keyStates);
  return status === "DESTROYED" ? { id, status } : { id, status, key: readRootKey(members, place) };
}

function readRootKey(members: JsonMembers, place: string): KeyObject {
  const dataPlace = `${place}.keyData`;
  const data = readMembers(members["keyData"], dataPlace, ["typeUrl", "keyMaterialType", "value"]);
  readConstant(data["typeUrl"], `${dataPlace}.typeUrl`, prfTypeUrl);
  readConstant(data["keyMaterialType"], `${dataPlace}.keyMaterialType`, keyMaterialType);
  const proto = readBase64(data["value"], `${dataPlace}.value`, protoPrefix.length + rootKeyBytes);
  if (!proto.subarray(0, protoPrefix.length).equals(protoPrefix)) {
    throw malformed(`${dataPlace}.value`, "an HKDF PRF key with SHA-256 and without salt", "another key");
  }
  return createSecretKey(proto.subarray(protoPrefix.length));
}
