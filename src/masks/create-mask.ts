import { MasklineError } from "../errors.ts";
import { createCmacMask } from "./cmac-mask.ts";
import { createConstantMask } from "./constant.ts";
import { createFf1Mask } from "./ff1.ts";
import { createGeneraliseMask } from "./generalise.ts";
import { createHmacMask } from "./hmac.ts";
import { createIpcryptPrefixMask } from "./ipcrypt-prefix.ts";
import { createIpcryptMask } from "./ipcrypt.ts";
import { type DomainKeys, type Mask, maskFacts, type MaskDefinition } from "./mask.ts";
import { createNullMask } from "./null.ts";
import { onTexts } from "./on-texts.ts";
import { createPartialMask } from "./partial.ts";
import { createRedactMask } from "./redact.ts";
import { createSha256Mask } from "./sha256.ts";
import { createSivMask } from "./siv.ts";

/**
 * The mask a definition describes. `keys` are those derived for its kind and domain; null for the kinds that have none.
 * Keeps the keys for as long as it lives, and shows them to no one.
 */
export function createMask(definition: MaskDefinition, keys: DomainKeys | null): Mask {
  switch (definition.kind) {
    case "siv": {
      const checked = checkKeys(definition, keys);
      return createSivMask(definition, checked.domain, checked.keys);
    }
    case "hmac":
      return createHmacMask(definition, checkKeys(definition, keys).keys);
    case "cmac":
    case "vault":
      return createCmacMask(definition, checkKeys(definition, keys).keys);
    case "ipcrypt":
      return onTexts(createIpcryptMask(definition, checkKeys(definition, keys).keys));
    case "ipcrypt-pfx":
      return onTexts(createIpcryptPrefixMask(definition, checkKeys(definition, keys).keys));
    case "ff1":
      return onTexts(createFf1Mask(definition, checkKeys(definition, keys).keys));
    case "partial":
      return onTexts(createPartialMask(definition));
    case "redact":
      return onTexts(createRedactMask(definition));
    case "null":
      return onTexts(createNullMask(definition));
    case "constant":
      return onTexts(createConstantMask(definition));
    case "generalise":
      return onTexts(createGeneraliseMask(definition));
    case "sha256":
      return onTexts(createSha256Mask(definition));
  }
}

/** The configuration is checked long before; a mask without a domain or with a key of another kind must still never be made. */
function checkKeys({ kind, domain }: MaskDefinition, keys: DomainKeys | null): { domain: string; keys: DomainKeys } {
  const { keyLengthBytes } = maskFacts[kind];
  if (domain === null || domain === "") throw new MasklineError("internal", `a ${kind} mask without a domain`);
  if (keys === null) throw new MasklineError("internal", `a ${kind} mask without keys`);
  for (const { key } of [keys.primary, ...keys.known]) {
    if (key.length !== keyLengthBytes) throw new MasklineError("internal", `a ${kind} mask with a key of ${key.length} bytes`);
  }
  return { domain, keys };
}
