import type { Label } from "./labelled-texts.ts";

/** What is usually copied for this, to compare with. Each of them is linear on these texts; nothing is checked beyond the form. */
const expressions: Readonly<Record<string, RegExp>> = {
  ip: /\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}\b/g,
  email: /\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b/g,
  uuid: /\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b/g,
  "ssn-shape": /\b\d{3}-\d{2}-\d{4}\b/g,
  card: /\b(?:\d[ -]?){12,18}\d\b/g,
};

export function usualExpressions(text: string): readonly Label[] {
  return Object.entries(expressions)
    .flatMap(([kind, expression]) =>
      Array.from(text.matchAll(expression), ({ 0: shown, index }) => ({ kind, start: index, end: index + shown.length })),
    )
    .sort((left, right) => left.start - right.start);
}
