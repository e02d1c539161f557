import type { ColumnType } from "../contract/column.ts";
import { formatIp, parseIp } from "../contract/ip.ts";

/** A type whose values fit 16 bytes. */
export interface PackedForm {
  /** null when the text is not a value of the type. */
  pack(text: string): Uint8Array | null;
  /** The canonical text of 16 bytes. */
  unpack(bytes: Uint8Array): string;
}

export const packedLengthBytes = 16;

/** The types with a packed form. Addresses are IPv6, IPv4 mapped into it (RFC 4291 section 2.5.5.2); UUIDs are RFC 9562 section 4. */
export const packedForms: Readonly<Partial<Record<ColumnType, PackedForm>>> = {
  ip: { pack: parseIp, unpack: formatIp },
  uuid: { pack: packUuid, unpack: unpackUuid },
};

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/iu;

function packUuid(text: string): Uint8Array | null {
  return uuidPattern.test(text) ? Buffer.from(text.replaceAll("-", ""), "hex") : null;
}

function unpackUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
