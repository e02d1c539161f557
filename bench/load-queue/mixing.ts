/** Spreads the bits of a whole number below 2^32; no two numbers come to the same one (the finaliser of MurmurHash3). */
export function mix(word: number): number {
  let mixed = word >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** Whether the message of this number is one of a share, drawn under a salt. */
export function isAmong(share: number, index: number, salt: number): boolean {
  return share > 0 && mix(index ^ salt) < share * 2 ** 32;
}
