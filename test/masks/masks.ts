import { hkdfSync } from "node:crypto";

import { createMask } from "../../src/masks/create-mask.ts";
import {
  type AuthenticatedMask,
  canRecognise,
  type DomainKey,
  type DomainKeys,
  type MaskDefinition,
  type MaskKind,
} from "../../src/masks/mask.ts";

/** The root and key id of the design's golden values. */
export const goldenRoot: Buffer = Buffer.from("0102030405060708091011121314151617181920212123242526272829303132", "hex");
export const goldenKeyId = 0x0000_04d2;

/** Keys derived with the runtime's HKDF alone, so that no code under test stands behind an expected value. */
export function testKey(kind: MaskKind, domain: string, id: number = goldenKeyId, root: Buffer = goldenRoot): DomainKey {
  const key = hkdfSync("sha256", root, "", `mask/v1/${kind}/${domain}`, kind === "siv" ? 64 : kind === "ipcrypt" ? 16 : 32);
  return { id, key: new Uint8Array(key) };
}

export function onlyKey(key: DomainKey): DomainKeys {
  return { primary: key, known: [key] };
}

export function sivDefinition(parts: Partial<MaskDefinition> = {}): MaskDefinition {
  return maskDefinition({ kind: "siv", ...parts });
}

export function maskDefinition(parts: Pick<MaskDefinition, "kind"> & Partial<MaskDefinition>): MaskDefinition {
  return { domain: "user_logins.ip", type: "text", encode: "text", key: null, settings: {}, ...parts };
}

export function createReversible(definition: MaskDefinition, keys: DomainKeys): AuthenticatedMask {
  const mask = createMask(definition, keys);
  if (!canRecognise(mask)) throw new TypeError(`${definition.kind} is not reversible`);
  return mask;
}
