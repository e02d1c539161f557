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
      const best = next.reduce((one, other) => (other !== null && (one === null || comesBefore(other, one)) ? other : one), null);
      if (best === null) return found;
      found.push(best);
      for (const [index, finding] of next.entries()) {
        if (finding !== null && finding.start < best.end) next[index] = cursors[index]?.(best.end) ?? null;
      }
    }
  };
}

function comesBefore(one: Finding, other: Finding): boolean {
  return one.start < other.start || (one.start === other.start && one.end > other.end);
}
