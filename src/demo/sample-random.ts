/** Random numbers that are the same for the same seed. For samples only: nothing secret may come from here. */
export interface SampleRandom {
  /** A whole number from 0 to 2^32 - 1. */
  readonly word: () => number;
  /** A whole number from 0 to `limit` - 1. */
  readonly below: (limit: number) => number;
  /** True with the given probability. */
  readonly chance: (probability: number) => boolean;
  readonly pick: <Item>(items: readonly Item[]) => Item;
}

/** mulberry32: 32 bits of state, 2^32 numbers before it repeats, enough for two hundred million events. */
export function sampleRandom(seed: number): SampleRandom {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((word() / 2 ** 32) * limit);
  return {
    word,
    below,
    chance: (probability) => word() < probability * 2 ** 32,
    pick: <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item,
  };
}
