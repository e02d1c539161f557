import type { ColumnOptions } from "../../contract/column.ts";
import { cardDetector } from "./card.ts";
import type { Detector } from "./detector.ts";
import { emailDetector } from "./email.ts";
import { ipv4Detector } from "./ipv4.ts";
import { ipv6Detector } from "./ipv6.ts";
import { createPatternDetector, patternProblem } from "./pattern.ts";
import { ssnShapeDetector } from "./ssn-shape.ts";
import { uuidDetector } from "./uuid.ts";

/** One entry of `scan`: a kind of value, or a pattern of the user's own. */
export type Sought = NonNullable<ColumnOptions["scan"]>[number];

const known: Readonly<Record<string, readonly Detector[]>> = {
  ip: [ipv4Detector, ipv6Detector],
  email: [emailDetector],
  uuid: [uuidDetector],
  "ssn-shape": [ssnShapeDetector],
  card: [cardDetector],
};

/** The kinds of value that are looked for without a pattern. */
export const knownKinds: readonly string[] = Object.keys(known);

/** What no schema can say of an entry, or null. */
export function soughtProblem(sought: Sought): string | null {
  return typeof sought === "string" ? null : patternProblem(sought.pattern);
}

/** @throws PatternProblem where `soughtProblem` finds something */
export function createDetectors(sought: readonly Sought[]): readonly Detector[] {
  return sought.flatMap((entry) =>
    typeof entry === "string" ? (known[entry] ?? []) : [createPatternDetector(entry.name, entry.pattern)],
  );
}
