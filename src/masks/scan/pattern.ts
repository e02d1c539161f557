import { readCanonicalText } from "../../contract/text.ts";
import type { Detector, Finding } from "./detector.ts";
import { buildAutomaton } from "./pattern-automaton.ts";
import { createMatcher } from "./pattern-matcher.ts";
import { parsePattern, PatternProblem } from "./pattern-syntax.ts";

/** What is wrong with a pattern, or null. */
export function patternProblem(pattern: string): string | null {
  try {
    buildAutomaton(parsePattern(pattern));
    return null;
  } catch (error) {
    if (error instanceof PatternProblem) return error.message;
    throw error;
  }
}

/**
 * Finds what a user's own pattern matches: leftmost, then longest, anywhere in the text, whatever stands beside it.
 * @throws PatternProblem
 */
export function createPatternDetector(kind: string, pattern: string): Detector {
  const automaton = buildAutomaton(parsePattern(pattern));
  const match = createMatcher(automaton);
  const isAscii = automaton.sets.every((set) => set.every(([, last]) => last < 0x80));
  return {
    kind,
    open(text) {
      const { ends } = match(text);
      return (from) => {
        let start = from;
        while (start < ends.length && (ends[start] as number) < 0) start += 1;
        const end = ends[start];
        return end === undefined ? null : findingAt(kind, text, start, end);
      };
    },
    shortest: automaton.shortest,
    longest: automaton.longest,
    longestValueBytes: (codePoints) => codePoints * (isAscii ? 1 : longestNormalised),
  };
}

function findingAt(kind: string, text: string, start: number, end: number): Finding {
  return {
    kind,
    start,
    end,
    // Read when it is asked for: a long match that others keep from counting would be read again behind each of them.
    get value() {
      return canonicalMatch(text.slice(start, end));
    },
  };
}

/** NFC makes at most three times as many bytes of a character's four. */
const longestNormalised = 12;

/**
 * As a column of texts has it, so that tokens are the same. What such a column takes for missing (white space alone) or refuses (more
 * combining marks than NFC sorts in good time) stays as it is.
 */
function canonicalMatch(shown: string): string {
  const text = readCanonicalText(shown);
  return typeof text === "string" && text !== "" ? text : shown;
}
