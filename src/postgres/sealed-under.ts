// Bytes 2 to 5 of what is sealed are the id of the key it is sealed under (keys/sealing.ts).

/** Of a row with a column `sealed`: whether it is under the key whose `sealingIdHex` is `$1`. */
export const isSealedUnder = "substring(sealed FROM 2 FOR 4) = decode($1, 'hex')";
export const isSealedOtherwise = "substring(sealed FROM 2 FOR 4) <> decode($1, 'hex')";

export function sealingIdHex(keyId: number): string {
  return keyId.toString(16).padStart(8, "0");
}
