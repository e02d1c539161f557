import { copyRun } from "./copy-run.ts";
import { isAt, isDigit, notHere, quote } from "./json-bytes.ts";
import type { TextColumn } from "./text-column.ts";

const dot = 0x2e;
const zero = 0x30;
const colon = 0x3a;
const letterA = 0x61;
const letterF = 0x66;

const longestIpv4 = 15;
const longestIpv6 = 39;
const ipv6Groups = 8;

/** Reads an address that is in its canonical form already (ip.ts): all others are for `parseIp`. See byte-readers.ts. */
export function readIp(bytes: DataView, start: number, end: number, column: TextColumn, max: number): number {
  if (!isAt(quote, bytes, start, end)) return notHere;
  const first = start + 1;
  let last = endOfIpv4(bytes, first, end);
  if (last === notHere) last = endOfIpv6(bytes, first, end);
  return last !== notHere && copyRun(bytes, first, last, column, max) ? last + 1 : notHere;
}

/** Where the quote behind an IPv4 address is: no octet is above 255 or has a leading zero. */
function endOfIpv4(bytes: DataView, start: number, end: number): number {
  const last = Math.min(end, start + longestIpv4 + 1);
  let octet = -1;
  let dots = 0;
  for (let at = start; at < last; at += 1) {
    const byte = bytes.getUint8(at);
    if (isDigit(byte)) {
      if (octet === 0) return notHere;
      octet = octet < 0 ? byte - zero : octet * 10 + byte - zero;
      if (octet > 255) return notHere;
    } else {
      if (octet < 0) return notHere;
      if (byte === quote) return dots === 3 ? at : notHere;
      if (byte !== dot || dots === 3) return notHere;
      dots += 1;
      octet = -1;
    }
  }
  return notHere;
}

/**
 * Where the quote behind an IPv6 address is, as RFC 5952 section 4 writes it: lower case, no leading zeros, the first longest run of at
 * least two zero groups as `::`. Nothing that begins like an IPv4-mapped address, whose form is the IPv4 address.
 */
function endOfIpv6(bytes: DataView, start: number, end: number): number {
  const last = Math.min(end, start + longestIpv6 + 1);
  let groups = 0;
  /** Zero groups in a row, up to here. */
  let zeros = 0;
  /** The longest run of them before `::` and, once it has come, behind it. */
  let longest = 0;
  let longestBefore = 0;
  let hasGap = false;
  let at = start;
  if (isAt(colon, bytes, at, last)) {
    if (!isAt(colon, bytes, at + 1, last)) return notHere;
    hasGap = true;
    at += 2;
  }
  let isBehindGap = hasGap;
  while (at < last && bytes.getUint8(at) !== quote) {
    const groupEnd = endOfGroup(bytes, at, last);
    if (groupEnd === notHere || groups === ipv6Groups) return notHere;
    groups += 1;
    const isZero = groupEnd === at + 1 && bytes.getUint8(at) === zero;
    // a zero group beside `::` would be part of it
    if (isZero && isBehindGap) return notHere;
    zeros = isZero ? zeros + 1 : 0;
    if (zeros > longest) longest = zeros;
    isBehindGap = false;
    at = groupEnd;
    if (!isAt(colon, bytes, at, last)) break;
    at += 1;
    if (isAt(colon, bytes, at, last)) {
      if (hasGap || isZero) return notHere;
      hasGap = true;
      isBehindGap = true;
      longestBefore = longest;
      longest = 0;
      zeros = 0;
      at += 1;
    } else if (isAt(quote, bytes, at, last)) return notHere;
  }
  if (!isAt(quote, bytes, at, last)) return notHere;
  if (!hasGap) return groups === ipv6Groups && longest < 2 ? at : notHere;
  const gap = ipv6Groups - groups;
  if (gap < 2 || longestBefore >= gap || longest > gap || isMapped(bytes, start, at)) return notHere;
  return at;
}

/** The end of one to four hex digits, in lower case and without a leading zero. */
function endOfGroup(bytes: DataView, start: number, end: number): number {
  let at = start;
  while (at < end && isLowerHex(bytes.getUint8(at))) at += 1;
  const digits = at - start;
  if (digits === 0 || digits > 4 || (digits > 1 && bytes.getUint8(start) === zero)) return notHere;
  return at;
}

function isLowerHex(byte: number): boolean {
  return isDigit(byte) || (byte >= letterA && byte <= letterF);
}

const mappedStart = "::ffff:";

function isMapped(bytes: DataView, start: number, end: number): boolean {
  if (end - start < mappedStart.length) return false;
  for (let index = 0; index < mappedStart.length; index += 1) {
    if (bytes.getUint8(start + index) !== mappedStart.charCodeAt(index)) return false;
  }
  return true;
}
