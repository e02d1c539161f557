import type { Detector, Finding } from "./detector.ts";

/** All findings in a text, in its order, none over another. */
export type Scanner = (text: string) => readonly Finding[];

/** Of findings that overlap the leftmost counts, of those the longest, of those the one whose detector comes first. */
export function createScanner(detectors: readonly Detector[]): Scanner {
  return (text) => {
    const cursors = detectors.map((detector) => detector.open(text));
    const next = cursors.map((cursor) => cursor(0));
    const found: Finding[] = [];
    for (;;) {
      let best: Finding | null = null;
      for (const finding of next) if (finding !== null && (best === null || comesBefore(finding, best))) best = finding;
      if (best === null) return found;
      found.push(best);
      for (let index = 0; index < next.length; index += 1) {
        if ((next[index]?.start ?? Infinity) < best.end) next[index] = cursors[index]?.(best.end) ?? null;
      }
    }
  };
}

function comesBefore(one: Finding, other: Finding): boolean {
  return one.start < other.start || (one.start === other.start && one.end > other.end);
}
