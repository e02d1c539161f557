import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { outcome } from "./contracts.ts";

test("all spellings of a UUID are one", () => {
  fc.assert(
    fc.property(fc.uuid(), fc.boolean(), (uuid, upper) => {
      const bare = uuid.replaceAll("-", "");
      for (const spelling of [uuid, bare, `{${uuid}}`, `{${bare}}`, `urn:uuid:${uuid}`, ` ${uuid}`, `{${uuid}}\n`]) {
        assert.equal(outcome(upper ? spelling.toUpperCase() : spelling, { type: "uuid" }), uuid);
      }
    }),
  );
});

test("what is not quite a UUID is refused", () => {
  const uuid = "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11";
  const texts = [
    "",
    uuid.slice(1),
    `${uuid}0`,
    `{${uuid}`,
    `${uuid}}`,
    uuid.replace("c", "g"),
    uuid.replace("-", " "),
    `{ ${uuid} }`,
    uuid.replace("-", ""),
    `{{${uuid}}}`,
  ];
  for (const text of texts) assert.equal(outcome(text, { type: "uuid" }), "! bad_format", JSON.stringify(text));
  assert.equal(outcome(7, { type: "uuid" }), "! wrong_type");
});
