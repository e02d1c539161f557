import { formatIp, isIpv4, parseIp } from "../contract/ip.ts";

export const addressBytes = 16;

/** Permutes the addresses of a column, 16 bytes each. */
export interface AddressCipher {
  encrypt(addresses: Buffer): Buffer;
  decrypt(addresses: Buffer): Buffer;
}

/** The addresses of those texts that are any, 16 bytes each, IPv4 as IPv4-mapped; and which texts are none. */
export function packAddresses(texts: readonly string[]): { readonly addresses: Buffer; readonly unfit: readonly number[] } {
  const addresses = Buffer.alloc(texts.length * addressBytes);
  const unfit: number[] = [];
  let end = 0;
  texts.forEach((text, index) => {
    const address = parseIp(text);
    if (address === null) unfit.push(index);
    else {
      addresses.set(address, end);
      end += addressBytes;
    }
  });
  return { addresses: addresses.subarray(0, end), unfit };
}

/** What `formatIp` writes of each address: as one run of ASCII, decoded in one call and cut apart. */
export function formatAddresses(addresses: Buffer): string[] {
  const count = addresses.length / addressBytes;
  const ends = new Uint32Array(count + 1);
  const text = Buffer.alloc(count * longestAddressText);
  for (let i = 0; i < count; i += 1) ends[i + 1] = writeAddress(addresses, i * addressBytes, text, ends[i] as number);
  const written = text.toString("latin1", 0, ends[count]);
  return Array.from({ length: count }, (_, i) => written.slice(ends[i], ends[i + 1]));
}

/** Writes the address at `start` and gives the end of its text. */
function writeAddress(addresses: Buffer, start: number, text: Buffer, at: number): number {
  if (isIpv4(addresses, start)) return writeIpv4(addresses, start + addressBytes - 4, text, at);
  if (isShortened(addresses, start))
    return at + text.write(formatIp(addresses.subarray(start, start + addressBytes)), at, "latin1");
  let end = at;
  for (let byte = start; byte < start + addressBytes; byte += 2) {
    if (byte > start) text[end++] = 0x3a;
    const group = ((addresses[byte] as number) << 8) | (addresses[byte + 1] as number);
    if (group > 0xfff) text[end++] = hexDigit(group >> 12);
    if (group > 0xff) text[end++] = hexDigit((group >> 8) & 0xf);
    if (group > 0xf) text[end++] = hexDigit((group >> 4) & 0xf);
    text[end++] = hexDigit(group & 0xf);
  }
  return end;
}

function writeIpv4(addresses: Buffer, start: number, text: Buffer, at: number): number {
  let end = at;
  for (let byte = start; byte < start + 4; byte += 1) {
    if (byte > start) text[end++] = 0x2e;
    const octet = addresses[byte] as number;
    if (octet > 99) text[end++] = 0x30 + Math.floor(octet / 100);
    if (octet > 9) text[end++] = 0x30 + (Math.floor(octet / 10) % 10);
    text[end++] = 0x30 + (octet % 10);
  }
  return end;
}

/** Whether two zero groups stand side by side, so that the text is not simply eight groups. Rare among tokens. */
function isShortened(addresses: Buffer, start: number): boolean {
  let zeros = 0;
  for (let byte = start; byte < start + addressBytes; byte += 2) {
    zeros = addresses[byte] === 0 && addresses[byte + 1] === 0 ? zeros + 1 : 0;
    if (zeros === 2) return true;
  }
  return false;
}

function hexDigit(value: number): number {
  return value < 10 ? 0x30 + value : 0x57 + value;
}

export function addressAt(addresses: Buffer, index: number): Buffer {
  return addresses.subarray(index * addressBytes, (index + 1) * addressBytes);
}

/** Eight groups of four hex digits: what `formatIp` writes is never longer (an IPv4 address at the end is in hex too). */
export const longestAddressText = 39;
