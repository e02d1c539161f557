import { MasklineError } from "../errors.ts";
import { createBlockFunction, createInverseBlockFunction } from "./aes-block.ts";
import { type AddressCipher, formatAddresses, longestAddressText, packAddresses } from "./ip-column.ts";
import { type DomainKeys, maskFacts, type MaskDefinition, type ReversibleMask, type TextMask } from "./mask.ts";
import { openedAround } from "./opening.ts";

/**
 * An address that stays an address: ipcrypt-deterministic (draft-denis-ipcrypt), AES-128 of its 16 bytes, with a key of 16 bytes.
 * IPv4 goes in as IPv4-mapped and comes out looking like IPv6. Every address is a token of some address, so that a wrong key
 * opens to a wrong address.
 */
export function createIpcryptMask(definition: MaskDefinition, { primary }: DomainKeys): TextMask<ReversibleMask> {
  const cipher = createIpcryptCipher(primary.key);
  return {
    definition,
    ...maskFacts.ipcrypt,
    form: "ip",
    apply(values) {
      const { addresses, unfit } = packAddresses(values);
      if (unfit.length > 0) throw new MasklineError("value_unfit", "a value that is no address reached its ipcrypt mask");
      return formatAddresses(cipher.encrypt(addresses));
    },
    longestToken: () => longestAddressText,
    open(tokens) {
      const { addresses, unfit } = packAddresses(tokens);
      return openedAround(unfit, formatAddresses(cipher.decrypt(addresses)));
    },
  };
}

export function createIpcryptCipher(key: Uint8Array): AddressCipher {
  if (key.length !== 16) throw new MasklineError("internal", `an ipcrypt key of ${key.length} bytes`);
  return { encrypt: createBlockFunction(key), decrypt: createInverseBlockFunction(key) };
}
