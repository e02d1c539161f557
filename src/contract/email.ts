import { domainToASCII } from "node:url";

import { badFormat, type Problem, wrongType } from "./reading.ts";
import { badCharacter, isStorable } from "./text.ts";

/** RFC 5321 section 4.5.3.1, in bytes: the longest local part, and the longest path less its angle brackets. */
const longestLocalPart = 64;
export const longestEmail = 254;
/** NFC makes a text at most four times shorter (Unicode's FAQ on normalisation): what is longer is not read at all. */
const longestSent = 4 * longestEmail;
const longestLabel = 63;

/**
 * An e-mail address, `local@domain` in NFC: the domain as it stands in the DNS (lower case, A-labels of RFC 5890, no dot at its end),
 * the local part as it was sent, whose case counts (RFC 5321 section 2.4). Nothing is read around or inside it: no display name,
 * comment, quoted local part or address in brackets, and no host without a dot, which names another machine everywhere (section 2.3.5).
 */
export function readEmail(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("an e-mail address", value);
  const sent = value.trim();
  if (sent.length > longestSent) return tooLong;
  if (!isStorable(sent)) return badCharacter;
  const text = sent.normalize("NFC");
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = dnsName(text.slice(at + 1));
  if (domain === null || !local.split(".").every((part) => atom.test(part))) return badFormat("an e-mail address", "text");
  const address = `${local}@${domain}`;
  return Buffer.byteLength(local) > longestLocalPart || Buffer.byteLength(address) > longestEmail ? tooLong : address;
}

const tooLong = badFormat(
  `an e-mail address of at most ${longestEmail} bytes, ${longestLocalPart} of them before the @`,
  "a longer text",
);

// No pattern here repeats more than one class of characters: each reads a text once, whatever the text is.

/** RFC 5322 section 3.2.3 and, by RFC 6531, all beyond ASCII but what nobody sees: spaces, controls, joiners, unassigned. */
const atom = /^[^\s\p{C}\p{Z}"(),:;<>@[\\\].]+$/u;
/** What `domainToASCII` may be asked. It reads a host as a browser's address line does: it cuts off /path and decodes %61. */
const domainCharacters = /^[A-Za-z0-9.\u0080-\u{10ffff}-]+$/u;
const labelCharacters = /^[a-z0-9-]+$/;
const letter = /^[a-z]/;

/** A domain as RFC 5321 section 4.1.2 writes it, of two labels at least; null for what is none. Unicode is mapped by UTS #46. */
function dnsName(text: string): string | null {
  if (!domainCharacters.test(text)) return null;
  const labels = domainToASCII(text).replace(/\.$/, "").split(".");
  // A last label that starts with a digit is no top-level domain but the end of an IPv4 address (RFC 3696 section 2).
  return labels.length > 1 && labels.every(isLabel) && letter.test(labels.at(-1) ?? "") ? labels.join(".") : null;
}

function isLabel(label: string): boolean {
  return label.length <= longestLabel && labelCharacters.test(label) && !label.startsWith("-") && !label.endsWith("-");
}
