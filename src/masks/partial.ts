import { canonicalForms } from "../contract/canonical.ts";
import { formatIp, parseIp } from "../contract/ip.ts";
import { countCharacters } from "../contract/text.ts";
import { MasklineError } from "../errors.ts";
import { type Mask, maskFacts, type MaskDefinition, type TextMask } from "./mask.ts";

/** Of a fixed length, so that it does not tell how much it stands for. */
const fill = "***";

const defaultIpv4Prefix = 24;
const defaultIpv6Prefix = 48;

type Parts = Pick<Mask, "form" | "apply" | "longestToken">;

/** Keeps a part of the value, for people to recognise it by. Others can have the same part: equal tokens do not mean equal values. */
export function createPartialMask(definition: MaskDefinition): TextMask {
  return { definition, ...maskFacts.partial, ...partsOf(definition) };
}

function partsOf({ type, settings }: MaskDefinition): Parts {
  if (type === "text") return textParts(settings.first ?? 0, settings.last ?? 0);
  if (type === "ip") return networkParts(settings.ipv4_prefix ?? defaultIpv4Prefix, settings.ipv6_prefix ?? defaultIpv6Prefix);
  if (type === "email") return domainParts;
  throw new MasklineError("internal", `a partial mask of a column of type ${type}`);
}

/**
 * The first and last characters around the fill. At least half of the characters stay hidden: of a shorter value nothing is shown, as
 * what is shown of it would be most of it.
 */
function textParts(first: number, last: number): Parts {
  const shown = first + last;
  const shortestCut = 2 * shown;
  return {
    form: "token",
    apply: (values) =>
      values.map((value) => {
        // as many UTF-16 units as the two ends can have: enough is known without counting the whole of a long text
        if (countCharacters(value.slice(0, 2 * shortestCut)) < shortestCut) return fill;
        const start = Array.from(value.slice(0, 2 * first)).slice(0, first);
        const end = Array.from(value.slice(Math.max(0, value.length - 2 * last))).slice(-last);
        return `${start.join("")}${fill}${last === 0 ? "" : end.join("")}`;
      }),
    longestToken: (maxCodePoints) => (maxCodePoints !== null && maxCodePoints < shortestCut ? 0 : shown) + fill.length,
  };
}

/** The network an address is in, as PostgreSQL's inet and cidr read it: 203.0.113.0/24. */
function networkParts(ipv4Prefix: number, ipv6Prefix: number): Parts {
  const networkOf = (value: string): string => {
    const address = parseIp(value);
    if (address === null) throw new MasklineError("internal", "a value that is no ip reached its mask");
    // an IPv4 address stands in the last 32 of the 128 bits (RFC 4291 section 2.5.5.2)
    const [prefix, before] = formatIp(address).includes(":") ? [ipv6Prefix, 0] : [ipv4Prefix, 96];
    return `${formatIp(cutBits(address, before + prefix))}/${prefix}`;
  };
  // no network is written longer than that of the address whose bits are all set
  const longest = Math.max(...["255.255.255.255", "ffff".concat(":ffff".repeat(7))].map((all) => networkOf(all).length));
  return { form: "ip", apply: (values) => values.map(networkOf), longestToken: () => longest };
}

/** With all bits behind the first `kept` zero. */
function cutBits(address: Uint8Array, kept: number): Uint8Array {
  return address.map((byte, index) => {
    const cut = Math.min(8, Math.max(0, 8 * (index + 1) - kept));
    return (byte >> cut) << cut;
  });
}

/** The domain of an e-mail address. A domain of one's own names its owner still. */
const domainParts: Parts = {
  form: "token",
  apply: (values) =>
    values.map((value) => {
      const at = value.lastIndexOf("@");
      if (at < 1) throw new MasklineError("internal", "a value that is no email reached its mask");
      return fill + value.slice(at);
    }),
  // at least one character of the longest address gives way to the fill
  longestToken: (maxCodePoints) => Math.min(maxCodePoints ?? Infinity, canonicalForms.email.longest ?? Infinity) - 1 + fill.length,
};
