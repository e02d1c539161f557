/** A run of IPv4 addresses, the first as 32 bits. */
export interface AddressRange {
  readonly first: number;
  readonly count: number;
}

/** All that a guess at an address could be in a table of tokens. */
export type Guess = (address: string) => string;

/**
 * The attack on tokens that anyone can make: every address of a range is masked as the table's were, and looked up among its tokens.
 * Needs the tokens and nothing else; one pass over the range finds all of them, however many there are.
 */
export function searchAddresses(tokens: ReadonlySet<string>, range: AddressRange, guess: Guess): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const address of addressesIn(range)) {
    const token = guess(address);
    if (tokens.has(token)) found.set(token, address);
  }
  return found;
}

export function* addressesIn({ first, count }: AddressRange): Generator<string> {
  let network = "";
  for (let place = first; place < first + count; place += 1) {
    const octet = place % 256;
    if (network === "" || octet === 0) network = `${place >>> 24}.${(place >>> 16) & 255}.${(place >>> 8) & 255}.`;
    yield network + octet;
  }
}

/** Different addresses, spread over a range. */
export function someAddresses({ first, count }: AddressRange, wanted: number): readonly string[] {
  // an odd factor and a power of two as modulus: no place comes twice
  const places = Array.from({ length: wanted }, (_, index) => first + Number((BigInt(index) * 2_654_435_761n) % BigInt(count)));
  return places.flatMap((place) => [...addressesIn({ first: place, count: 1 })]);
}
