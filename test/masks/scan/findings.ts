import { createDetectors } from "../../../src/masks/scan/detectors.ts";
import { createScanner, type Scanner } from "../../../src/masks/scan/scanner.ts";

export const allKinds: readonly ["ip", "email", "uuid", "ssn-shape", "card"] = ["ip", "email", "uuid", "ssn-shape", "card"];

export const scanAll: Scanner = createScanner(createDetectors(allKinds));

/** What a scanner finds, as `kind value`. */
export function found(text: string, scan: Scanner = scanAll): string[] {
  return scan(text).map(({ kind, value }) => `${kind} ${value}`);
}

/** One plain value of each kind. */
export const samples: Readonly<Record<(typeof allKinds)[number], string>> = {
  ip: "203.0.113.77",
  email: "ann.lee@example.com",
  uuid: "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11",
  "ssn-shape": "593-47-5928",
  card: "4111111111111111",
};

/** Where a scanner misses a value that stands alone, first, last, or beside another in a text. [] for a scanner that misses none. */
export function missedEdges(scan: Scanner): string[] {
  const values = [...Object.values(samples), "2001:db8::1", "4111 1111 1111 1111"];
  return values.flatMap((value) => {
    const texts = [value, `${value} came first`, `last came ${value}`, `${value},${value}`, `\u{1f600}${value}\u{1f600}`];
    return texts.flatMap((text) => {
      const expected = text.split(value).length - 1;
      const seen = scan(text).filter(({ start, end }) => text.slice(start, end) === value).length;
      return seen === expected ? [] : [text];
    });
  });
}
