import { hkdfSync } from "node:crypto";

import { createMask } from "../src/masks/create-mask.ts";
import { createDetectors, knownKinds } from "../src/masks/scan/detectors.ts";
import { createScanMask } from "../src/masks/scan/scan-mask.ts";
import { createScanner } from "../src/masks/scan/scanner.ts";
import { detect, type Detection, precision, recall } from "./detection.ts";
import { labelledTexts } from "./labelled-texts.ts";
import { usualExpressions } from "./usual-expressions.ts";

const seed = 20_240_131;
const rounds = 9;
const sought = ["ip", "email", "uuid", "ssn-shape", "card"] as const;
const employee = { name: "employee", pattern: "E[0-9]{6}" };
const domain = "support.notes";

/** Shares of what is found, then speed. Every figure is measured by this run; the texts are the same for everyone. */
function main(): void {
  const scan = createScanner(createDetectors(sought));
  const texts = labelledTexts(seed, 20_000, 8, 4);
  say(`${texts.length} texts of seed ${seed}, ${bytes(texts.map(({ text }) => text))} bytes`);
  say(
    "exact: with its own characters; covered: nothing of it left; wrong: on certainly no value; look-alikes: on what nobody can tell from one\n",
  );
  show("maskline", detect(texts, scan));
  show("the usual expressions", detect(texts, usualExpressions));

  const masks = {
    siv: createScanMask(sought, sivMask()),
    "siv, one pattern more": createScanMask([...sought, employee], sivMask()),
  };
  const columns: Readonly<Record<string, readonly string[]>> = {
    "few findings (one in about 2 kB)": labelledTexts(seed, 400, 2, 160).map(({ text }) => text),
    "many findings (one in about 45 bytes)": labelledTexts(seed, 4_000, 16, 2).map(({ text }) => text),
    "none, no sign of any": Array.from({ length: 400 }, () => "the customer called again about a payment which failed ".repeat(36)),
  };
  say(`\nMB/s of UTF-8, one thread, median of ${rounds} rounds (least-most)`);
  for (const [name, column] of Object.entries(columns)) {
    const size = bytes(column);
    const findings = column.reduce((sum, text) => sum + scan(text).length, 0);
    say(`${name}: ${size} bytes, ${findings} findings`);
    time("  scan", size, () => column.forEach((text) => scan(text)));
    time("  usual expressions", size, () => column.forEach((text) => usualExpressions(text)));
    for (const [kind, mask] of Object.entries(masks)) time(`  scan and mask (${kind})`, size, () => void mask.apply(column));
  }
}

function sivMask() {
  const key = { id: 1, key: new Uint8Array(hkdfSync("sha256", Buffer.alloc(32, 7), "", `mask/v1/siv/${domain}`, 64)) };
  return createMask({ kind: "siv", domain, type: "text", encode: "text", key: null, settings: {} }, { primary: key, known: [key] });
}

function show(name: string, detections: ReadonlyMap<string, Detection>): void {
  say(`${name.padEnd(24)}planted    exact  covered    wrong  look-alikes  precision   recall`);
  for (const kind of knownKinds) {
    const detection = detections.get(kind);
    if (detection === undefined) continue;
    const { planted, exact, covered, wrong, ambiguous } = detection;
    const counts = [planted, exact, covered, wrong].map((count) => String(count).padStart(9)).join("");
    const shares = `${precision(detection).toFixed(4).padStart(11)}${recall(detection).toFixed(4).padStart(9)}`;
    say(`  ${kind.padEnd(20)}${counts}${String(ambiguous).padStart(13)}${shares}`);
  }
}

function time(name: string, size: number, work: () => void): void {
  work();
  const speeds = Array.from({ length: rounds }, () => {
    const start = performance.now();
    work();
    return size / 1_000 / (performance.now() - start);
  }).sort((left, right) => left - right);
  const [least = 0, median = 0, most = 0] = [speeds[0], speeds[(rounds - 1) / 2], speeds.at(-1)];
  say(`${name.padEnd(42)}${median.toFixed(0).padStart(6)}  (${least.toFixed(0)}-${most.toFixed(0)})`);
}

function bytes(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

main();
