import { MasklineError } from "../errors.ts";
import { bytesAt, joinBytes } from "./byte-column.ts";
import { createEncoding } from "./encoding.ts";
import { type AuthenticatedMask, type DomainKeys, maskFacts, type MaskDefinition, type Opened } from "./mask.ts";
import { createSivCipher, type SivCipher } from "./siv-cipher.ts";
import { readToken, tokenLength, type TokenParts, tokenPrefix, writeTokens } from "./token.ts";

type Sealed = TokenParts & { readonly index: number };
type OpenedBytes = { readonly bytes: Buffer } | Extract<Opened, { failure: unknown }>;

/**
 * The default mask: AES-SIV, deterministic, authenticated and reversible. The domain is the associated datum, so a token pasted into
 * a column of another domain does not open there.
 */
export function createSivMask(definition: MaskDefinition, domain: string, { primary, known }: DomainKeys): AuthenticatedMask {
  const encoding = createEncoding(definition);
  const associated = Buffer.from(domain);
  const ciphers = new Map<number, SivCipher>();
  for (const { id, key } of [primary, ...known]) {
    if (!ciphers.has(id)) ciphers.set(id, createSivCipher(key, associated));
  }
  const writer = ciphers.get(primary.id);
  if (writer === undefined) throw new MasklineError("internal", "a mask without its primary key");
  const prefixes = new Set([...ciphers.keys()].map(tokenPrefix));

  /** Tokens in form, by key: those of one key are opened together. */
  const openAll = (tokens: readonly string[]): OpenedBytes[] => {
    const opened: OpenedBytes[] = tokens.map(() => ({ failure: "not_a_token" }));
    const byKey = new Map<number, Sealed[]>();
    tokens.forEach((token, index) => {
      const parts = readToken(token);
      if (parts === null) return;
      const sameKey = byKey.get(parts.keyId);
      if (sameKey === undefined) byKey.set(parts.keyId, [{ ...parts, index }]);
      else sameKey.push({ ...parts, index });
    });
    for (const [keyId, sealed] of byKey) openUnder(ciphers.get(keyId), sealed, opened);
    return opened;
  };

  return {
    definition,
    ...maskFacts.siv,
    form: "token",
    apply(values) {
      const { sivs, ciphertexts } = writer.seal(encoding.encode(values));
      return writeTokens(primary.id, sivs, ciphertexts);
    },
    longestToken(maxCodePoints) {
      const longest = encoding.longestBytes(maxCodePoints);
      return longest === null ? null : tokenLength(longest);
    },
    open: (tokens) =>
      openAll(tokens).map((opened) => {
        if ("failure" in opened) return opened;
        const value = encoding.decode(opened.bytes);
        // Authentic, yet of another encoding: not a token of this mask.
        return value === null ? { failure: "not_a_token" } : { value };
      }),
    recognises(values) {
      const recognised = values.map(() => false);
      const suspects = values.flatMap((value, index) => (prefixes.has(value.slice(0, 6)) ? [index] : []));
      openAll(suspects.map((index) => values[index] as string)).forEach((opened, i) => {
        recognised[suspects[i] as number] = "bytes" in opened;
      });
      return recognised;
    },
  };
}

function openUnder(cipher: SivCipher | undefined, sealed: readonly Sealed[], opened: OpenedBytes[]): void {
  if (cipher === undefined) {
    for (const { index } of sealed) opened[index] = { failure: "unknown_key" };
    return;
  }
  const { plaintexts, authentic } = cipher.open({
    sivs: Buffer.concat(sealed.map(({ siv }) => siv)),
    ciphertexts: joinBytes(sealed.map(({ ciphertext }) => ciphertext)),
  });
  sealed.forEach(({ index }, i) => {
    opened[index] = authentic[i] === true ? { bytes: bytesAt(plaintexts, i) } : { failure: "not_authentic" };
  });
}
