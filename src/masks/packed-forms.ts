import type { ColumnType } from "../contract/column.ts";
import { formatIp, readAddress } from "../contract/ip.ts";

/** A type whose values fit 16 bytes. */
export interface PackedForm {
  /** Writes the 16 bytes of a text, over zeros; false when it is not a value of the type. */
  pack(text: string, target: Uint8Array, at: number): boolean;
  /** The canonical text of 16 bytes. */
  unpack(bytes: Uint8Array): string;
}

export const packedLengthBytes = 16;

/** The types with a packed form. Addresses are IPv6, IPv4 mapped into it (RFC 4291 section 2.5.5.2); UUIDs are RFC 9562 section 4. */
export const packedForms: Readonly<Partial<Record<ColumnType, PackedForm>>> = {
  ip: { pack: readAddress, unpack: formatIp },
  uuid: { pack: packUuid, unpack: unpackUuid },
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

function unpackUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
