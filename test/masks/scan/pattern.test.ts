import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { createDetectors } from "../../../src/masks/scan/detectors.ts";
import { type Automaton, buildAutomaton, mostSteps } from "../../../src/masks/scan/pattern-automaton.ts";
import { createMatcher } from "../../../src/masks/scan/pattern-matcher.ts";
import { parsePattern } from "../../../src/masks/scan/pattern-syntax.ts";
import { createPatternDetector, patternProblem } from "../../../src/masks/scan/pattern.ts";
import { createScanner, type Scanner } from "../../../src/masks/scan/scanner.ts";

type Place = readonly [start: number, end: number];

function automatonOf(pattern: string): Automaton {
  return buildAutomaton(parsePattern(pattern));
}

function placesOf(pattern: string, text: string): Place[] {
  const scan: Scanner = createScanner([createPatternDetector("p", pattern)]);
  return scan(text).map(({ start, end }) => [start, end]);
}

// The texts are short because the runtime's engine tries everything: that is what is done without here.

/** What a pattern means, by trying every part of a text with the runtime's own engine: leftmost, then longest. */
function expectedPlaces(pattern: string, text: string): Place[] {
  const whole = new RegExp(`^(?:${pattern})$`, "u");
  const borders = [0];
  for (const character of text) borders.push((borders.at(-1) ?? 0) + character.length);
  const places: Place[] = [];
  let from = 0;
  for (const start of borders) {
    if (start < from) continue;
    const end = borders.findLast((border) => border > start && whole.test(text.slice(start, border)));
    if (end === undefined) continue;
    places.push([start, end]);
    from = end;
  }
  return places;
}

const atom = fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\d", "\\w", "\\S", "\\.", "-", "é", "😀", "[é-ü😀]");
const { pattern } = fc.letrec<{ pattern: string; sequence: string; repeated: string; single: string }>((tie) => ({
  pattern: fc.array(tie("sequence"), { minLength: 1, maxLength: 2 }).map((parts) => parts.join("|")),
  sequence: fc.array(tie("repeated"), { minLength: 1, maxLength: 3 }).map((parts) => parts.join("")),
  repeated: fc
    .tuple(tie("single"), fc.constantFrom("", "", "", "?", "*", "+", "{2}", "{1,}", "{0,2}", "{2,3}"))
    .map((parts) => parts.join("")),
  single: fc.oneof(
    { depthSize: "small", maxDepth: 2, withCrossShrink: true },
    atom,
    tie("pattern").map((inner) => `(${inner})`),
    tie("pattern").map((inner) => `(?:${inner})`),
  ),
}));
const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "1", ".", "-", " ", "\n", "é", "😀"), maxLength: 7 });

suite("a pattern of one's own", () => {
  test("matches what the runtime's expression matches, the leftmost and longest", () => {
    let compared = 0;
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 4 }), (source, texts) => {
        const problem = patternProblem(source);
        if (problem !== null) return assert.match(problem, /^(matches the empty text|is too big)/, source);
        for (const one of texts)
          assert.deepEqual(placesOf(source, one), expectedPlaces(source, one), `${source} in ${JSON.stringify(one)}`);
        compared += 1;
      }),
      { numRuns: 2_000 },
    );
    assert.ok(compared > 1_000, `only ${compared} patterns were compared`);
  });

  test("that matches the empty text is told, and no other", () => {
    fc.assert(
      fc.property(pattern, (source) => {
        const problem = patternProblem(source);
        if (problem?.startsWith("is too big") === true) return;
        assert.equal(problem !== null, new RegExp(`^(?:${source})$`, "u").test(""), source);
      }),
      { numRuns: 1_000 },
    );
  });

  test("has the bounds that its matches keep", () => {
    fc.assert(
      fc.property(pattern, text, (source, one) => {
        fc.pre(patternProblem(source) === null);
        const { shortest, longest } = automatonOf(source);
        for (const [start, end] of expectedPlaces(source, one)) {
          const length = Array.from(one.slice(start, end)).length;
          assert.ok(length >= shortest && length <= (longest ?? Infinity), source);
        }
      }),
    );
    const { shortest, longest } = automatonOf("E[0-9]{6}(-[A-Z]{1,2})?");
    assert.deepEqual([shortest, longest], [7, 10]);
    assert.deepEqual([automatonOf("ab*").shortest, automatonOf("ab*").longest], [1, null]);
  });

  test("takes time for each character by its size alone, on texts made to make others try everything", () => {
    const length = 2 ** 20;
    for (const [source, piece, end] of [
      ["(a+)+b", "a", ""],
      ["(a+)+\\$", "a", "!"],
      ["(a|a)*b", "a", ""],
      ["(a|aa)+c", "a", ""],
      ["(.*)(.*)(.*)x", "ab", ""],
      ["a(.*b)?", "a", ""],
      ["[a-z]+[0-9]", "q", ""],
      ["(x+x+)+y", "x", ""],
      ["(\\w+\\s?)*;", "ab ", ""],
    ] as const) {
      const automaton = automatonOf(source);
      const steps = automaton.sets.length + automaton.follow.reduce((sum, next) => sum + next.size, 0);
      const long = piece.repeat(length / piece.length) + end;
      const matches = createMatcher(automaton)(long);
      assert.ok(matches.steps <= long.length * steps, source);
      assert.ok(steps <= 64, `${source} is small: ${steps}`);
    }
    assert.equal(placesOf("(a+)+b", `${"a".repeat(length)}b`).length, 1, "a match as long as the text");
    assert.equal(placesOf("a(.*b)?", "a".repeat(10_000)).length, 10_000, "as many matches as characters");
  });

  test("counts twice as many steps for a text twice as long", () => {
    const match = createMatcher(automatonOf("(a+)+b"));
    const [once, twice] = [match("a".repeat(5_000)).steps, match("a".repeat(10_000)).steps];
    assert.ok(once > 0 && twice <= 2 * once + 10);
  });

  test("looks into its sets of characters as often for a long text as for a short one, ASCII or not", () => {
    let looks = 0;
    const automaton = automatonOf("[à-ü]+[^\\s,]{2,5}|\\w[😀-😎é]");
    const counted = automaton.sets.map(
      (set) => new Proxy(set, { get: (...read) => ((looks += 1), Reflect.get(...read)) as unknown }),
    );
    const match = createMatcher({ ...automaton, sets: counted });
    const looksAt = (text: string): number => {
      looks = 0;
      match(text);
      return looks;
    };
    const alphabet = "aéü 😀,😎日本語ж";
    assert.ok(looksAt(alphabet) > 0, "what is looked at is counted");
    assert.equal(looksAt(alphabet.repeat(1_000)), 0);
    const everything = Array.from({ length: 0x3000 }, (_, code) => String.fromCodePoint(code + 0x80)).join("");
    assert.ok(looksAt(everything) < everything.length, "not once a character");
    assert.equal(looksAt(everything), 0);
  });

  test("that is too big is refused before it is built", () => {
    for (const big of ["a{1000}", "((((a{10}){10}){10}){10}){10}", "((a{1,1000}){1,1000}){1,1000}", `(${"a|".repeat(99)}a)*`]) {
      assert.match(patternProblem(big) ?? "", /^is too big/, big);
    }
    assert.equal(patternProblem("[0-9]{1,200}"), null);
    const { follow } = automatonOf("[0-9]{1,200}");
    assert.ok(follow.reduce((sum, next) => sum + next.size, 0) < mostSteps, "each copy leads to the next only");
  });

  test("in a syntax that is not known is refused, and says what to write", () => {
    for (const [source, problem] of Object.entries({
      "^a": /\^, which is not known/,
      a$: /\$, which is not known/,
      "\\bword": /\\b, which is not known/,
      "(a)\\1": /\\1, which is not known/,
      "(?=a)b": /\(\?, which is known only as \(\?:/,
      "(?<n>a)": /\(\?, which/,
      "a+?": /a repetition of a repetition/,
      "a{2}{3}": /a repetition of a repetition/,
      "a{3,2}": /from more to fewer/,
      "a{0}": /of nothing/,
      "a{x}": /a \{ that is not/,
      "a{1001}": /more than 1000 repetitions/,
      "*a": /\* with nothing before it/,
      "a||b": /an empty alternative/,
      "()": /an empty alternative/,
      "(a": /a \( without its \)/,
      "a)": /a \) without its \(/,
      "[a": /a \[ without its \]/,
      "[]a": /an empty \[ \]/,
      "[^]": /an empty \[ \]/,
      "[z-a]": /a range that is none/,
      "[\\d-z]": /a range that is none/,
      "[[a]]": /a \[ in \[ \]/,
      "a]": /\]; write \\\]/,
      "a}": /\}; write \\\}/,
      "a\\": /a \\ at the end/,
      "\\é": /a \\ before a character that needs none/,
      "[^\\s\\S]": /a \[ \] that no character is in/,
    })) {
      assert.match(patternProblem(source) ?? "", problem, source);
    }
  });

  test("in the syntax that is known means what it means elsewhere", () => {
    const cases: Readonly<Record<string, readonly [text: string, matched: readonly string[]]>> = {
      "E[0-9]{6}": ["E123456, xE1234567 e123456", ["E123456", "E123456"]],
      "[A-Z]{2}-?\\d{3,5}": ["AB-123 AB12345678 A1", ["AB-123", "AB12345"]],
      "(cat|category)s?": ["categories cats category", ["category".slice(0, 3), "cats", "category"]],
      "a.c": ["abc a\nc a😀c", ["abc", "a😀c"]],
      "[\\]\\-^]+": ["a]-^b", ["]-^"]],
      "\\t\\S+": ["\tx y", ["\tx"]],
      "[^\\w\\s]{2}": ["a!? b", ["!?"]],
    };
    for (const [source, [one, matched]] of Object.entries(cases)) {
      const shown = placesOf(source, one).map(([start, end]) => one.slice(start, end));
      assert.deepEqual(shown, matched, source);
      assert.deepEqual(placesOf(source, one), expectedPlaces(source, one), source);
    }
  });

  test("finds values in the form that a column of texts has, so that tokens are the same", () => {
    const scan = createScanner([createPatternDetector("p", "id [^;]+")]);
    assert.deepEqual(
      scan("x id Jose\u0301 ; y").map(({ value }) => value),
      ["id Jos\u00e9"],
    );
    assert.deepEqual(
      createScanner([createPatternDetector("p", "\\s+")])("a  b").map(({ value }) => value),
      ["  "],
    );
  });

  test("reads the values of its matches in time for their length, whatever stands in them", (t) => {
    const read: string[] = [];
    const normalize = String.prototype.normalize;
    t.mock.method(String.prototype, "normalize", function counted(this: string, form?: string) {
      read.push(this);
      return normalize.call(this, form);
    });
    const marks = "a" + "\u0301\u0316".repeat(2 ** 15);
    const [finding] = createScanner([createPatternDetector("p", ".+")])(marks);
    assert.equal(finding?.value, marks, "NFC would sort them, in time that grows with their square");
    assert.deepEqual(read, []);
    const addresses = "1.1.1.1 ".repeat(1_000);
    const scan = createScanner([...createDetectors(["ip"]), createPatternDetector("p", "\\.1\\.1.*")]);
    assert.equal(
      scan(addresses)
        .map(({ value }) => value)
        .join(" "),
      addresses.trim(),
    );
    assert.ok(read.join("").length <= addresses.length, "a match that does not count is not read");
  });
});
