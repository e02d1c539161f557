import type { ColumnType } from "../contract/column.ts";
import { formatIp, readAddress } from "../contract/ip.ts";

/** A type whose values fit 16 bytes. */
export interface PackedForm {
  /** Writes the 16 bytes of a text, over zeros; false when it is not a value of the type. */
  pack(text: string, target: Uint8Array, at: number): boolean;
  /** The same of a text in UTF-8, from one place to another. */
  packBytes(source: Buffer, from: number, to: number, target: Uint8Array, at: number): boolean;
  /** The canonical text of 16 bytes. */
  unpack(bytes: Uint8Array): string;
}

export const packedLengthBytes = 16;

/** The types with a packed form. Addresses are IPv6, IPv4 mapped into it (RFC 4291 section 2.5.5.2); UUIDs are RFC 9562 section 4. */
export const packedForms: Readonly<Partial<Record<ColumnType, PackedForm>>> = {
  ip: { pack: readAddress, packBytes: packAddressBytes, unpack: formatIp },
  uuid: { pack: packUuid, packBytes: packUuidBytes, unpack: unpackUuid },
};

const uuidCharacters = 36;
const hyphen = 0x2d;
const hyphenPlaces: readonly number[] = [8, 13, 18, 23];
/** Where the two digits of each byte begin. */
const digitPlaces: Uint8Array = Uint8Array.of(0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34);

/** What each ASCII character is as a hex digit; -1 where it is none. */
const hexDigits: Int8Array = Int8Array.from({ length: 128 }, (_, code) =>
  "0123456789abcdef".indexOf(String.fromCharCode(code).toLowerCase()),
);

function packUuid(text: string, target: Uint8Array, at: number): boolean {
  if (text.length !== uuidCharacters) return false;
  for (const place of hyphenPlaces) if (text.charCodeAt(place) !== hyphen) return false;
  for (let index = 0; index < packedLengthBytes; index += 1) {
    const place = digitPlaces[index] as number;
    const high = hexDigits[text.charCodeAt(place)] ?? -1;
    const low = hexDigits[text.charCodeAt(place + 1)] ?? -1;
    if (high < 0 || low < 0) return false;
    target[at + index] = (high << 4) | low;
  }
  return true;
}

function packUuidBytes(source: Buffer, from: number, to: number, target: Uint8Array, at: number): boolean {
  if (to - from !== uuidCharacters) return false;
  for (const place of hyphenPlaces) if (source[from + place] !== hyphen) return false;
  for (let index = 0; index < packedLengthBytes; index += 1) {
    const place = from + (digitPlaces[index] as number);
    const high = hexDigits[source[place] as number] ?? -1;
    const low = hexDigits[source[place + 1] as number] ?? -1;
    if (high < 0 || low < 0) return false;
    target[at + index] = (high << 4) | low;
  }
  return true;
}

const dot = 0x2e;
const zero = 0x30;
/** Where the IPv4 address stands in an IPv4-mapped one. */
const ipv4Offset = 12;

/** IPv4 addresses digit by digit, others as texts. */
function packAddressBytes(source: Buffer, from: number, to: number, target: Uint8Array, at: number): boolean {
  let octet = -1;
  let octets = 0;
  let index = from;
  for (; index < to; index += 1) {
    const digit = (source[index] as number) - zero;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) break;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) break;
    } else {
      if (digit !== dot - zero || octet < 0 || octets === 3) break;
      target[at + ipv4Offset + octets] = octet;
      octets += 1;
      octet = -1;
    }
  }
  if (index === to && octets === 3 && octet >= 0) {
    target[at + 10] = 0xff;
    target[at + 11] = 0xff;
    target[at + ipv4Offset + 3] = octet;
    return true;
  }
  // no address has a dot before its first colon, so nothing has been written yet
  return readAddress(source.toString("latin1", from, to), target, at);
}

function unpackUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
