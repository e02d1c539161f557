import { parseKeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { defaultEncoding } from "../../src/masks/encoding.ts";
import type { Mask, MaskDefinition } from "../../src/masks/mask.ts";

/** The mask of one domain under a ring as its file holds it. */
export function domainMask(ringText: string, kind: MaskDefinition["kind"], domain: string, type: MaskDefinition["type"]): Mask {
  const ring = parseKeyRing(ringText);
  return createMask({ kind, domain, type, encode: defaultEncoding(type), key: null, settings: {} }, ring.domainKeys(kind, domain));
}
