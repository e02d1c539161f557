import { columnReader } from "../../contract/readers.ts";
import { MasklineError } from "../../errors.ts";
import { createDetectors } from "../../masks/scan/detectors.ts";
import { createScanner } from "../../masks/scan/scanner.ts";
import type { KeyedPlace } from "./recoverable.ts";

/** A value as somebody typed it, in the form that its place's mask gets. @throws MasklineError `value_unfit`, without the value */
export function canonicalValue({ place, read, sought }: Pick<KeyedPlace, "place" | "read" | "sought">, typed: string): string {
  const value = columnReader(read)(typed);
  if (typeof value !== "string") throw unfit(place, value.expected);
  if (value === "") throw unfit(place, "a value");
  if (sought === null) return value;
  const findings = createScanner(createDetectors(sought))(value);
  const [finding] = findings;
  if (findings.length === 1 && finding !== undefined) return finding.value;
  throw unfit(place, "one value, such as is looked for in this column's texts");
}

function unfit(place: string, expected: string): MasklineError {
  return new MasklineError("value_unfit", `what was given is no value that column ${place} takes; needed: ${expected}`, {
    next: "give one value, as an event would carry it",
  });
}
