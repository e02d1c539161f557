import assert from "node:assert/strict";
import { test } from "node:test";

import { suggest } from "../../../src/app/config/suggest.ts";

const known = ["queue", "region", "protocol", "wait_seconds", "as", "run", "init"];

test("names the nearest known word, whatever its case", () => {
  assert.equal(suggest("qeue", known), "queue");
  assert.equal(suggest("Region", known), "region");
  assert.equal(suggest("protcol", known), "protocol");
  assert.equal(suggest("rnu", known), "run");
  assert.equal(suggest("waitSeconds", known), "wait_seconds");
});

test("is silent when no word is near, however short the mistyped one", () => {
  for (const word of ["", "x", "<<", "zz", "postgres", "completely_else"]) assert.equal(suggest(word, known), null, word);
  assert.equal(suggest("queue", []), null);
});

test("prefers the word that needs the fewest changes", () => {
  assert.equal(suggest("mask", ["masks", "task", "mask"]), "mask");
});
