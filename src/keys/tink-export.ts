import type { KeyObject } from "node:crypto";

import { keyMaterialType, prfKeyProto, prfTypeUrl } from "./keyset.ts";
import { bytesField, numberField } from "./protobuf.ts";
import type { KeyRing } from "./ring.ts";

/**
 * What Google Tink reads of a ring: keysets in its JSON form, in clear. Enabled roots only: with a disabled key Tink
 * would do nothing, and a key that is out of use has no business elsewhere.
 */
export interface TinkKeyset {
  readonly primaryKeyId: number;
  readonly key: readonly TinkKey[];
}

interface TinkKey {
  readonly keyData: { readonly typeUrl: string; readonly keyMaterialType: string; readonly value: string };
  readonly status: "ENABLED";
  readonly keyId: number;
  /** Ciphertexts begin with 01 and the key's id, as our tokens do. */
  readonly outputPrefixType: "TINK";
}

const sivTypeUrl = "type.googleapis.com/google.crypto.tink.AesSivKey";
const deriverTypeUrl = "type.googleapis.com/google.crypto.tink.PrfBasedDeriverKey";
const sivKeyBytes = 64;
const symmetric = 1;
const tinkPrefix = 1;

/** One domain's keys of `siv`: with the domain in UTF-8 as associated data, deterministic AEAD gives and opens its tokens. */
export function tinkDomainKeyset(ring: KeyRing, domain: string): TinkKeyset {
  const { known } = ring.domainKeys("siv", domain);
  return { primaryKeyId: ring.primaryId, key: known.map(({ id, key }) => tinkKey(id, sivTypeUrl, sivKeyProto(key))) };
}

/** The roots, for Tink's key derivation: `deriveKeyset("mask/v1/siv/<domain>")` gives the keyset of any domain. */
export function tinkDeriverKeyset(ring: KeyRing): TinkKeyset {
  const key = ring.roots.flatMap((root) =>
    root.status === "ENABLED" ? [tinkKey(root.id, deriverTypeUrl, deriverKeyProto(root.key))] : [],
  );
  return { primaryKeyId: ring.primaryId, key };
}

function tinkKey(keyId: number, typeUrl: string, proto: Buffer): TinkKey {
  return {
    keyData: { typeUrl, keyMaterialType, value: proto.toString("base64") },
    status: "ENABLED",
    keyId,
    outputPrefixType: "TINK",
  };
}

/** aes_siv.proto, AesSivKey: key_value = 2 (version = 1 is zero). */
export function sivKeyProto(key: Uint8Array): Buffer {
  return bytesField(2, key);
}

/**
 * prf_based_deriver.proto, PrfBasedDeriverKey: prf_key = 2, params = 3 (version = 1 is zero).
 * PrfBasedDeriverParams: derived_key_template = 1. tink.proto, KeyData: type_url = 1, value = 2, key_material_type = 3 (SYMMETRIC = 1);
 * KeyTemplate: type_url = 1, value = 2, output_prefix_type = 3 (TINK = 1; the keyset has to say the same).
 * aes_siv.proto, AesSivKeyFormat: key_size = 1.
 */
function deriverKeyProto(root: KeyObject): Buffer {
  const prfKey = [bytesField(1, prfTypeUrl), bytesField(2, prfKeyProto(root)), numberField(3, symmetric)];
  const template = [bytesField(1, sivTypeUrl), bytesField(2, numberField(1, sivKeyBytes)), numberField(3, tinkPrefix)];
  return Buffer.concat([bytesField(2, Buffer.concat(prfKey)), bytesField(3, bytesField(1, Buffer.concat(template)))]);
}
