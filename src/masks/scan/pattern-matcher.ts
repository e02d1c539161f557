import type { Automaton } from "./pattern-automaton.ts";

/** The longest match at every place of one text. */
export interface Matches {
  /** For each UTF-16 unit, the end of the longest match that starts there; -1 for none. */
  readonly ends: Int32Array;
  /** How much was done: at most characters x (steps between states + states), whatever pattern and text are. */
  readonly steps: number;
}

export type Matcher = (text: string) => Matches;

const asciiCodes = 128;

/**
 * Finds the longest match from every place in one pass from the end of the text to its start: how far a state can come is how far the
 * best of the states behind it comes from the next character. Nothing is ever tried twice, so there is nothing to go back to.
 */
export function createMatcher({ sets, first, last, follow }: Automaton): Matcher {
  const states = sets.map((_, state) => state);
  const following = follow.map((next) => Int32Array.from(next));
  const reading = (code: number): Int32Array =>
    Int32Array.from(states.filter((state) => sets[state]?.some(([low, high]) => code >= low && code <= high)));
  const readingAscii = Array.from({ length: asciiCodes }, (_, code) => reading(code));
  const readingOther = betweenBorders(sets, reading);

  return (text) => {
    const ends = new Int32Array(text.length).fill(-1);
    // How far each state comes from the next character, and from this one; -1 for not at all.
    let behind = new Int32Array(states.length).fill(-1);
    let here = new Int32Array(states.length).fill(-1);
    let alive: Int32Array = Int32Array.of();
    let steps = 0;
    for (let end = text.length; end > 0;) {
      const start = startOfCodePoint(text, end);
      const code = text.codePointAt(start) as number;
      const able = code < asciiCodes ? (readingAscii[code] as Int32Array) : readingOther(code);
      let longest = -1;
      for (const state of able) {
        let best = last.has(state) ? end : -1;
        const next = following[state] as Int32Array;
        steps += next.length + 1;
        for (const other of next) if ((behind[other] as number) > best) best = behind[other] as number;
        here[state] = best;
        if (best > longest && first.has(state)) longest = best;
      }
      ends[start] = longest;
      for (const state of alive) behind[state] = -1;
      alive = able;
      [behind, here] = [here, behind];
      end = start;
    }
    return { ends, steps };
  };
}

/** Characters between two borders of the sets are read by the same states: they are told once for all of them, when first met. */
function betweenBorders(sets: Automaton["sets"], reading: (code: number) => Int32Array): (code: number) => Int32Array {
  const ranges = sets.flat().filter(([, high]) => high >= asciiCodes);
  const borders = Int32Array.from(new Set(ranges.flatMap(([low, high]) => [low, high + 1]))).sort();
  const known: (Int32Array | undefined)[] = Array.from({ length: borders.length + 1 });
  return (code) => {
    let below = 0;
    for (let above = borders.length; below < above;) {
      const middle = (below + above) >> 1;
      if ((borders[middle] as number) <= code) below = middle + 1;
      else above = middle;
    }
    return (known[below] ??= reading(code));
  };
}

/** Where the character begins that ends at `end`: a surrogate pair is one character. */
function startOfCodePoint(text: string, end: number): number {
  return end > 1 && (text.codePointAt(end - 2) as number) > 0xffff ? end - 2 : end - 1;
}
