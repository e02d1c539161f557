import { domainToASCII } from "node:url";

import { badFormat, type Problem, wrongType } from "./reading.ts";
import { isStorable } from "./text.ts";

/** RFC 5321 section 4.5.3.1: the longest local part, and the longest path less its angle brackets. */
const longestLocalPart = 64;
export const longestEmail = 254;

/**
 * An e-mail address, `local@domain` without display name or comment, in NFC: the domain as it stands in the DNS (lower case, A-labels
 * of RFC 5890, no dot at its end), the local part as it was sent, whose case counts (RFC 5321 section 2.4).
 */
export function readEmail(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("an e-mail address", value);
  const text = value.trim().normalize("NFC");
  const at = text.lastIndexOf("@");
  const local = text.slice(0, at);
  const domain = at < 1 || !isStorable(text) ? "" : domainToASCII(text.slice(at + 1).replace(/\.$/, ""));
  if (!isLocalPart(local) || !hostName.test(domain)) return badFormat("an e-mail address", "text");
  const address = `${local}@${domain}`;
  return Buffer.byteLength(local) > longestLocalPart || address.length > longestEmail
    ? badFormat(`an e-mail address of at most ${longestEmail} characters`, "text")
    : address;
}

/** Atoms of RFC 5322 section 3.2.3 with dots between them, and letters of any script (RFC 6531). Quoted local parts are refused. */
const localPart = /^[^\s"(),:;<>@[\\\]\p{Cc}.]+(?:\.[^\s"(),:;<>@[\\\]\p{Cc}.]+)*$/u;
const hostName = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

function isLocalPart(text: string): boolean {
  return text.length <= longestLocalPart && localPart.test(text);
}
