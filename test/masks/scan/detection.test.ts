import assert from "node:assert/strict";
import { test } from "node:test";

import { detect, precision, recall } from "../../../bench/detection.ts";
import { labelledTexts } from "../../../bench/labelled-texts.ts";
import { usualExpressions } from "../../../bench/usual-expressions.ts";
import { allKinds, scanAll } from "./findings.ts";

const texts = labelledTexts(7, 3_000, 8, 4);

test("the generator gives equal texts for equal seeds, with its labels in place", () => {
  assert.deepEqual(labelledTexts(7, 3, 8, 4), texts.slice(0, 3));
  assert.notDeepEqual(labelledTexts(8, 3, 8, 4), texts.slice(0, 3));
  for (const { text, planted } of texts) for (const { start, end } of planted) assert.match(text.slice(start, end), /^\S.*\S$/);
});

test("every planted value is found, with its own characters; nothing of one is left", () => {
  const detections = detect(texts, scanAll);
  for (const kind of allKinds) {
    const detection = detections.get(kind);
    assert.ok(detection !== undefined && detection.planted > 1_000, kind);
    assert.equal(detection.covered, detection.planted, kind);
    // Three digits behind a card number (its security code) make another valid number by chance in one case of ten: one card of five
    // is planted with them here, half of these in the 16 digits to which they may belong.
    assert.ok(recall(detection) >= (kind === "card" ? 0.95 : 1), `${kind}: recall ${recall(detection)}`);
  }
});

test("what is easily taken for a value is not; a check digit that is right by chance, in one number of ten, is", () => {
  const detections = detect(texts, scanAll);
  for (const kind of allKinds) {
    const detection = detections.get(kind);
    assert.ok(detection !== undefined);
    assert.ok(precision(detection) >= (kind === "card" ? 0.93 : 1), `${kind}: precision ${precision(detection)}`);
  }
});

test("what nobody can tell from a value is masked, and counted by itself", () => {
  const detections = detect(texts, scanAll);
  for (const kind of allKinds) assert.ok((detections.get(kind)?.ambiguous ?? 0) > 0, kind);
});

test("the measure finds scanners that miss values, cut them short or see too many", () => {
  const missing = detect(texts, (text) => scanAll(text).slice(1)).get("ip");
  const short = detect(texts, (text) => scanAll(text).map((finding) => ({ ...finding, end: finding.end - 1 }))).get("uuid");
  assert.ok(missing !== undefined && short !== undefined);
  assert.ok(recall(missing) < 0.95 && missing.covered < missing.planted);
  assert.ok(recall(short) === 0 && short.covered === 0);
  const usual = detect(texts, usualExpressions).get("ip");
  assert.ok(usual !== undefined && precision(usual) < 0.9 && recall(usual) < 0.9);
});
