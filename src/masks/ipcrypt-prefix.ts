import { isIpv4 } from "../contract/ip.ts";
import { MasklineError } from "../errors.ts";
import { addressBytes, formatAddresses, longestAddressText, packAddresses } from "./ip-column.ts";
import { createIpcryptPrefixCipher } from "./ipcrypt-prefix-cipher.ts";
import { type DomainKeys, maskFacts, type MaskDefinition, type ReversibleMask, type TextMask } from "./mask.ts";
import { openedAround } from "./opening.ts";

/**
 * Keeps subnets: ipcrypt-pfx (draft-denis-ipcrypt) with a key of 32 bytes. Addresses of one network have tokens of one network, IPv4
 * stays IPv4 and IPv6 IPv6. It gives away what it keeps: who knows some addresses knows the networks of all.
 */
export function createIpcryptPrefixMask(definition: MaskDefinition, { primary }: DomainKeys): TextMask<ReversibleMask> {
  const cipher = createIpcryptPrefixCipher(primary.key);
  return {
    definition,
    ...maskFacts["ipcrypt-pfx"],
    form: "ip",
    apply(values) {
      const { addresses, unfit } = packAddresses(values);
      if (unfit.length > 0) throw new MasklineError("value_unfit", "a value that is no address reached its ipcrypt-pfx mask");
      const encrypted = cipher.encrypt(addresses);
      if (becameIpv4(addresses, encrypted).size > 0)
        throw new MasklineError("value_unfit", "the ipcrypt-pfx token of an IPv6 address would read as IPv4");
      return formatAddresses(encrypted);
    },
    longestToken: () => longestAddressText,
    open(tokens) {
      const { addresses, unfit } = packAddresses(tokens);
      const decrypted = cipher.decrypt(addresses);
      // No value is such an address: IPv4-mapped ones are IPv4 by then.
      const impossible = becameIpv4(addresses, decrypted);
      return openedAround(
        unfit,
        formatAddresses(decrypted).map((value, index) => (impossible.has(index) ? null : value)),
      );
    },
  };
}

/** The addresses that were IPv6 and were permuted into the IPv4-mapped ones. */
function becameIpv4(before: Buffer, after: Buffer): Set<number> {
  const became = new Set<number>();
  for (let at = 0; at < before.length; at += addressBytes) {
    if (isIpv4(after, at) && !isIpv4(before, at)) became.add(at / addressBytes);
  }
  return became;
}
