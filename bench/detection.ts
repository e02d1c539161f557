import type { Finding } from "../src/masks/scan/detector.ts";
import type { LabelledText, Span } from "./labelled-texts.ts";

/** How well values of one kind are found. */
export interface Detection {
  planted: number;
  /** Found with exactly its own characters. */
  exact: number;
  /** No character of the value is left outside of findings, whatever they are called. */
  covered: number;
  /** Findings of this kind that are on no planted value, nor on what nobody can tell from one. */
  wrong: number;
  /** Findings of this kind on what nobody can tell from a value. */
  ambiguous: number;
}

/** Of findings that are a value or are certainly none, the share that is one. */
export function precision({ exact, wrong }: Detection): number {
  return exact + wrong === 0 ? 1 : exact / (exact + wrong);
}

export function recall({ planted, exact }: Detection): number {
  return planted === 0 ? 1 : exact / planted;
}

/** Compares what is found in labelled texts with their labels, by kind. */
export function detect(
  texts: readonly LabelledText[],
  scan: (text: string) => readonly Pick<Finding, "kind" | "start" | "end">[],
): ReadonlyMap<string, Detection> {
  const byKind = new Map<string, Detection>();
  const of = (kind: string): Detection => {
    const known = byKind.get(kind) ?? { planted: 0, exact: 0, covered: 0, wrong: 0, ambiguous: 0 };
    byKind.set(kind, known);
    return known;
  };
  for (const { text, planted, ambiguous } of texts) {
    const findings = scan(text);
    for (const label of planted) {
      const detection = of(label.kind);
      detection.planted += 1;
      if (findings.some(({ kind, start, end }) => kind === label.kind && start === label.start && end === label.end))
        detection.exact += 1;
      if (isCovered(label, findings)) detection.covered += 1;
    }
    for (const finding of findings) {
      if (planted.some((label) => overlap(label, finding))) continue;
      if (ambiguous.some((label) => overlap(label, finding))) of(finding.kind).ambiguous += 1;
      else of(finding.kind).wrong += 1;
    }
  }
  return byKind;
}

function overlap(left: Span, right: Span): boolean {
  return left.start < right.end && right.start < left.end;
}

function isCovered(label: Span, findings: readonly Span[]): boolean {
  let reached = label.start;
  for (const { start, end } of findings) if (start <= reached && end > reached) reached = end;
  return reached >= label.end;
}
