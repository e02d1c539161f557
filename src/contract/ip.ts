import { badFormat, type Problem, wrongType } from "./reading.ts";

/** An IPv4 or IPv6 address, any of them (multicast, reserved and loopback too), as RFC 5952 writes it. IPv4-mapped becomes IPv4. */
export function readIp(value: unknown): string | Problem {
  if (typeof value !== "string") return wrongType("an IP address", value);
  const address = parseIp(value.trim());
  return address === null ? badFormat("an IP address", "text") : formatIp(address);
}

const addressBytes = 16;
/** Where the IPv4 address stands in an IPv4-mapped one (::ffff:0:0/96). */
const ipv4Offset = 12;
/** `ffff:` six times and an IPv4 address of full length. */
const longestAddress = 45;

const dot = 0x2e;
const colon = 0x3a;

/**
 * An address as 16 bytes, IPv4 as IPv4-mapped; null if the text is none. Reads every form of RFC 4291 section 2.2, but no zone
 * (%eth0), no prefix (/24), and no octet with a leading zero, which some programs read as octal.
 */
export function parseIp(text: string): Uint8Array | null {
  const bytes = new Uint8Array(addressBytes);
  return readAddress(text, bytes, 0) ? bytes : null;
}

/** The same, into 16 zeros at `offset`. False if the text is no address; what is there then means nothing. */
export function readAddress(text: string, bytes: Uint8Array, offset: number): boolean {
  if (text.length > longestAddress) return false;
  if (readIpv4(text, 0, bytes, offset + ipv4Offset)) {
    bytes[offset + 10] = 0xff;
    bytes[offset + 11] = 0xff;
    return true;
  }
  // No address has a dot before its first colon, so nothing has been written yet.
  return text.includes(":") && readIpv6(text, bytes.subarray(offset, offset + addressBytes));
}

/** Writes 16 bytes as RFC 5952 says: lower case, no leading zeros, the first longest run of zero groups as `::`. */
export function formatIp(bytes: Uint8Array): string {
  if (isIpv4(bytes)) return `${bytes[12]}.${bytes[13]}.${bytes[14]}.${bytes[15]}`;
  const groups: number[] = [];
  for (let index = 0; index < addressBytes; index += 2) groups.push(((bytes[index] as number) << 8) | (bytes[index + 1] as number));
  const gap = longestZeroRun(groups);
  if (gap === null) return hex(groups);
  return `${hex(groups.slice(0, gap.start))}::${hex(groups.slice(gap.end))}`;
}

/** Reads a dotted quad from `start` to the end of the text into four bytes at `offset`. */
function readIpv4(text: string, start: number, bytes: Uint8Array, offset: number): boolean {
  let octet = -1;
  let octets = 0;
  for (let index = start; index <= text.length; index += 1) {
    const code = index === text.length ? dot : text.charCodeAt(index);
    if (code === dot) {
      if (octet < 0 || octets === 4) return false;
      bytes[offset + octets] = octet;
      octets += 1;
      octet = -1;
      continue;
    }
    const digit = code - 0x30;
    if (digit < 0 || digit > 9 || octet === 0) return false;
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return false;
  }
  return octets === 4;
}

function readIpv6(text: string, bytes: Uint8Array): boolean {
  let filled = 0;
  /** Where `::` stood, in bytes; -1 if it has not come. */
  let gap = -1;
  let index = 0;
  if (text.startsWith("::")) {
    gap = 0;
    index = 2;
  }
  while (index < text.length) {
    const start = index;
    let group = 0;
    for (let digit = hexDigit(text, index); digit >= 0; digit = hexDigit(text, index)) {
      group = (group << 4) | digit;
      index += 1;
    }
    if (text.charCodeAt(index) === dot) {
      if (filled > ipv4Offset || !readIpv4(text, start, bytes, filled)) return false;
      filled += 4;
      break;
    }
    const digits = index - start;
    if (digits < 1 || digits > 4 || filled === addressBytes) return false;
    bytes[filled] = group >> 8;
    bytes[filled + 1] = group & 0xff;
    filled += 2;
    if (index === text.length) break;
    if (text.charCodeAt(index) !== colon) return false;
    index += 1;
    if (text.charCodeAt(index) === colon) {
      if (gap >= 0) return false;
      gap = filled;
      index += 1;
    } else if (index === text.length) return false;
  }
  if (gap < 0) return filled === addressBytes;
  if (filled === addressBytes) return false; // `::` stands for at least one group
  const tail = filled - gap;
  bytes.copyWithin(addressBytes - tail, gap, filled);
  bytes.fill(0, gap, addressBytes - tail);
  return true;
}

function hexDigit(text: string, index: number): number {
  const code = text.charCodeAt(index);
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** Whether the 16 bytes from `start` are an IPv4-mapped address (::ffff:0:0/96). */
export function isIpv4(bytes: Uint8Array, start: number = 0): boolean {
  for (let index = start; index < start + 10; index += 1) if (bytes[index] !== 0) return false;
  return bytes[start + 10] === 0xff && bytes[start + 11] === 0xff;
}

/** The longest run of at least two zero groups, the first of equals: one group alone is not shortened (RFC 5952 section 4.2.2). */
function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly end: number } | null {
  let longest: { readonly start: number; readonly end: number } | null = null;
  let start = 0;
  for (let index = 0; index <= groups.length; index += 1) {
    if (groups[index] === 0) continue;
    if (index - start > (longest === null ? 1 : longest.end - longest.start)) longest = { start, end: index };
    start = index + 1;
  }
  return longest;
}

function hex(groups: readonly number[]): string {
  return groups.map((group) => group.toString(16)).join(":");
}
