/**
 * Patterns of a user's own, in a part of the usual syntax: literal characters, `.`, classes (`[a-f0-9_]`, `[^,]`), `\d \w \s` and their
 * complements, `\t \n \r`, a backslash before a sign for the sign itself, groups, `|`, and the repetitions `? * + {m} {m,} {m,n}`.
 * What needs more than one pass over a text (backreferences, look-around) or would mean something else here (anchors, lazy repetitions)
 * is refused. Every pattern that is read means what a JavaScript RegExp with the flag `u` means by it.
 */
export type PatternNode =
  | { readonly is: "set"; readonly set: CodePoints }
  | { readonly is: "sequence" | "choice"; readonly parts: readonly PatternNode[] }
  | { readonly is: "repeat"; readonly part: PatternNode; readonly least: number; readonly most: number | null };

/** Code points, as ranges in order, apart from one another, ends included. */
export type CodePoints = readonly (readonly [first: number, last: number])[];

/** Why a text is no pattern, for the one who wrote it. */
export class PatternProblem extends Error {
  override readonly name = "PatternProblem";
}

const lastCodePoint = 0x10ffff;
export const mostRepetitions = 1_000;

/** @throws PatternProblem */
export function parsePattern(pattern: string): PatternNode {
  return new Parser(pattern).parse();
}

class Parser {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = Array.from(pattern);
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#characters.length) this.#fail("a ) without its (");
    return node;
  }

  #choice(): PatternNode {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return parts.length === 1 ? (parts[0] as PatternNode) : { is: "choice", parts };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#characters.length && !this.#sees("|") && !this.#sees(")")) parts.push(this.#repeated());
    if (parts.length === 0) this.#fail("an empty alternative; write ? behind what may be missing");
    return parts.length === 1 ? (parts[0] as PatternNode) : { is: "sequence", parts };
  }

  #repeated(): PatternNode {
    const part = this.#single();
    const bounds = this.#bounds();
    if (bounds === null) return part;
    if (["?", "*", "+", "{"].some((sign) => this.#sees(sign)))
      this.#fail("a repetition of a repetition; a finding is always the longest");
    return { is: "repeat", part, ...bounds };
  }

  #bounds(): { readonly least: number; readonly most: number | null } | null {
    if (this.#take("?")) return { least: 0, most: 1 };
    if (this.#take("*")) return { least: 0, most: null };
    if (this.#take("+")) return { least: 1, most: null };
    if (!this.#take("{")) return null;
    const least = this.#number();
    const most = this.#take(",") ? (this.#sees("}") ? null : this.#number()) : least;
    if (!this.#take("}")) this.#fail("a { that is not {m}, {m,} or {m,n}; write \\{ for the sign");
    if (most === 0 || (most !== null && most < least)) this.#fail("a repetition from more to fewer, or of nothing");
    return { least, most };
  }

  #number(): number {
    let digits = "";
    while (/^[0-9]$/.test(this.#characters[this.#at] ?? "")) digits += this.#next();
    if (digits === "") this.#fail("a { that is not {m}, {m,} or {m,n}; write \\{ for the sign");
    if (Number(digits) > mostRepetitions) this.#fail(`more than ${mostRepetitions} repetitions`);
    return Number(digits);
  }

  #single(): PatternNode {
    const character = this.#next();
    switch (character) {
      case "(":
        return this.#group();
      case "[":
        return { is: "set", set: this.#class() };
      case ".":
        return { is: "set", set: complement(lineEnds) };
      case "\\":
        return { is: "set", set: this.#escape() };
      case "^":
      case "$":
        return this.#fail(`${character}, which is not known; a pattern is looked for anywhere, write \\${character} for the sign`);
      case "?":
      case "*":
      case "+":
        return this.#fail(`${character} with nothing before it`);
      case "{":
      case "}":
      case "]":
        return this.#fail(`${character}; write \\${character} for the sign`);
      default:
        return { is: "set", set: one(character) };
    }
  }

  #group(): PatternNode {
    if (this.#take("?") && !this.#take(":")) this.#fail("(?, which is known only as (?:");
    const node = this.#choice();
    if (!this.#take(")")) this.#fail("a ( without its )");
    return node;
  }

  /** What stands behind a backslash, outside of a class or in one. */
  #escape(): CodePoints {
    if (this.#at === this.#characters.length) this.#fail("a \\ at the end");
    const character = this.#next();
    const set = escapes[character];
    if (set !== undefined) return set;
    if (/^[0-9A-Za-z]$/.test(character)) this.#fail(`\\${character}, which is not known; known: ${Object.keys(escapes).join(" ")}`);
    if (!/^[\^$\\.*+?()[\]{}|/-]$/.test(character)) this.#fail(`a \\ before a character that needs none`);
    return one(character);
  }

  #class(): CodePoints {
    const negated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const first = this.#member();
      const [[low, high] = [0, 0]] = first;
      const isRange = this.#sees("-") && this.#characters[this.#at + 1] !== "]";
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#next();
      const [[upper, last] = [0, 0], ...others] = this.#member();
      if (first.length > 1 || others.length > 0 || low !== high || upper !== last || upper < low)
        this.#fail("a range that is none, in [ ]");
      ranges.push([low, upper]);
    }
    if (ranges.length === 0) this.#fail("an empty [ ]");
    const set = normalise(ranges);
    const chosen = negated ? complement(set) : set;
    return chosen.length === 0 ? this.#fail("a [ ] that no character is in") : chosen;
  }

  #member(): CodePoints {
    if (this.#at === this.#characters.length) this.#fail("a [ without its ]");
    const character = this.#next();
    if (character === "\\") return this.#escape();
    return character === "[" ? this.#fail("a [ in [ ]; write \\[ for the sign") : one(character);
  }

  #sees(character: string): boolean {
    return this.#characters[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#sees(character)) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const character = this.#characters[this.#at];
    this.#at += 1;
    return character ?? this.#fail("an end too soon");
  }

  #fail(what: string): never {
    throw new PatternProblem(`has ${what} (before or at character ${Math.min(this.#at, this.#characters.length)})`);
  }
}

function one(character: string): CodePoints {
  const code = character.codePointAt(0) as number;
  return [[code, code]];
}

function normalise(ranges: CodePoints): CodePoints {
  const joined: [number, number][] = [];
  for (const [first, last] of [...ranges].sort(([left], [right]) => left - right)) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

function complement(set: CodePoints): CodePoints {
  const gaps: (readonly [number, number])[] = [];
  let from = 0;
  for (const [first, last] of set) {
    if (first > from) gaps.push([from, first - 1]);
    from = last + 1;
  }
  if (from <= lastCodePoint) gaps.push([from, lastCodePoint]);
  return gaps;
}

/** ECMA-262, LineTerminator and CharacterClassEscape. */
const lineEnds: CodePoints = [
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
];
const digits: CodePoints = [[0x30, 0x39]];
const words: CodePoints = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x5f, 0x5f],
  [0x61, 0x7a],
];
const spaces: CodePoints = [
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
];
const escapes: Readonly<Record<string, CodePoints>> = {
  d: digits,
  D: complement(digits),
  w: words,
  W: complement(words),
  s: spaces,
  S: complement(spaces),
  t: [[0x09, 0x09]],
  n: [[0x0a, 0x0a]],
  r: [[0x0d, 0x0d]],
};
