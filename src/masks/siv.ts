import { lengthBytes } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import { ByteColumn } from "./byte-column.ts";
import { createEncoding } from "./encoding.ts";
import { type AuthenticatedMask, type DomainKeys, maskFacts, type MaskDefinition, type Opened } from "./mask.ts";
import { createSivCipher, type SivCipher, sivLengthBytes } from "./siv-cipher.ts";
import { TokenColumnWriter } from "./token-column-writer.ts";
import { createTokenWriter, tokenLength, tokenPrefix, tokenPrefixLength, TokenReader, tokenStart } from "./token.ts";

/** Tokens of one key, by their places in the batch. Their plaintexts are in the mask's column. `authentic` is null without the key. */
interface OpenedGroup {
  readonly places: readonly number[];
  readonly authentic: readonly boolean[] | null;
}

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
  const shortestToken = tokenLength(0);
  const column = new ByteColumn();
  const writeTokens = createTokenWriter(primary.id);
  const columnWriter = new TokenColumnWriter(primary.id);
  const reader = new TokenReader();

  /** Opens tokens, those of one key together. Each group is to be read before the next is asked for. */
  function* openByKey(tokens: readonly string[]): Generator<OpenedGroup> {
    const byKey = new Map<number, number[]>();
    tokens.forEach((token, place) => {
      const keyId = reader.keyId(token);
      if (keyId === null) return;
      const sameKey = byKey.get(keyId);
      if (sameKey === undefined) byKey.set(keyId, [place]);
      else sameKey.push(place);
    });
    for (const [keyId, suspects] of byKey) {
      column.begin(suspects.length);
      const sivs = Buffer.alloc(suspects.length * sivLengthBytes);
      const places = suspects.filter((place) => reader.read(tokens[place] as string, { sivs, ciphertexts: column }));
      const sealed = { sivs: sivs.subarray(0, places.length * sivLengthBytes), ciphertexts: column };
      yield { places, authentic: ciphers.get(keyId)?.open(sealed).authentic ?? null };
    }
  }

  const recognises = (values: readonly string[]): boolean[] => {
    const recognised = values.map(() => false);
    const suspects: number[] = [];
    for (const [place, value] of values.entries()) {
      if (value.length >= shortestToken && prefixes.has(value.slice(0, tokenPrefixLength))) suspects.push(place);
    }
    try {
      for (const { places, authentic } of openByKey(suspects.map((place) => values[place] as string))) {
        places.forEach((place, index) => (recognised[suspects[place] as number] = authentic?.[index] === true));
      }
      return recognised;
    } finally {
      column.clear();
    }
  };

  return {
    definition,
    ...maskFacts.siv,
    form: "token",
    apply(values) {
      try {
        encoding.encode(values, column);
        return writeTokens(writer.seal(column));
      } finally {
        column.clear();
      }
    },
    write(plain, tokens) {
      try {
        encoding.encodeColumn(plain, column);
        columnWriter.write(writer.seal(column), plain, tokens);
      } finally {
        column.clear();
      }
    },
    longestToken(maxCodePoints) {
      const longest = encoding.longestBytes(maxCodePoints);
      return longest === null ? null : tokenLength(longest);
    },
    open(tokens) {
      const opened: Opened[] = tokens.map(() => notAToken);
      try {
        for (const { places, authentic } of openByKey(tokens)) {
          const valueAt = encoding.decode(column);
          places.forEach((place, index) => {
            if (authentic === null) opened[place] = unknownKey;
            else if (authentic[index] !== true) opened[place] = notAuthentic;
            else {
              const value = valueAt(index);
              // Authentic, yet of another encoding: not a token of this mask.
              opened[place] = value === null ? notAToken : { value };
            }
          });
        }
        return opened;
      } finally {
        column.clear();
      }
    },
    recognises,
    recognisesIn(plain) {
      const { bytes, count, ends } = plain;
      let suspects: number[] | null = null;
      for (let row = 0; row < count; row += 1) {
        const start = (ends[row] as number) + lengthBytes;
        if ((ends[row + 1] as number) - start < shortestToken || bytes[start] !== tokenStart) continue;
        suspects ??= [];
        suspects.push(row);
      }
      if (suspects === null) return noRows;
      const ours = recognises(suspects.map((row) => plain.at(row) as string));
      return suspects.filter((_, index) => ours[index] === true);
    },
  };
}

const noRows: readonly number[] = [];

const notAToken: Opened = { failure: "not_a_token" };
const unknownKey: Opened = { failure: "unknown_key" };
const notAuthentic: Opened = { failure: "not_authentic" };
