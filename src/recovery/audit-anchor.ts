/** Where the chain was at some time, kept outside of the database: from there on nothing before it can be altered or cut unnoticed. */
export interface Anchor {
  readonly sequence: number;
  readonly hash: Buffer;
}

/** `SEQUENCE:HASH`, as every command of the way back tells it; null for anything else. */
export function readAnchor(text: string): Anchor | null {
  const found = /^([1-9]\d{0,15}):([\da-f]{64})$/.exec(text);
  if (!found) return null;
  const sequence = Number(found[1]);
  return Number.isSafeInteger(sequence) ? { sequence, hash: Buffer.from(found[2] ?? "", "hex") } : null;
}

export function showAnchor({ sequence, hash }: Anchor): string {
  return `${sequence}:${hash.toString("hex")}`;
}
