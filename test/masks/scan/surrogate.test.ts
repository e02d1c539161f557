import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { escapeOpenings, findSurrogates, surrogateWriter, unescapeOpenings } from "../../../src/masks/scan/surrogate.ts";

const domain = fc.string({ unit: "binary", minLength: 1, maxLength: 20 });
const token = fc.stringMatching(/^[A-Za-z0-9_-]{1,60}$/);
const hostile = fc
  .array(
    fc.constantFrom("{", "}", "{{", "}}", "pii", ":", "{{pii:", "{{pii::", "{{pii:d:AQAA}}", "d", "%", " ", "::1", "\u{1f600}"),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(""));

test("a surrogate has one form, whatever the domain is called", () => {
  assert.equal(surrogateWriter("support.notes")("AQAABNLE"), "{{pii:support.notes:AQAABNLE}}");
  assert.equal(surrogateWriter("a:b}} c")("t"), "{{pii:a%3Ab%7D%7D%20c:t}}");
});

test("surrogates are found among any text that was escaped, and nothing else is", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(hostile, domain, token), { maxLength: 4 }), hostile, (parts, tail) => {
      let text = "";
      const expected = parts.map(([before, name, value]) => {
        text += escapeOpenings(before);
        const start = text.length;
        text += surrogateWriter(name)(value);
        return { start, end: text.length, domain: name.toWellFormed(), token: value };
      });
      text += escapeOpenings(tail);
      assert.deepEqual(findSurrogates(text), expected);
    }),
    { numRuns: 2_000 },
  );
});

test("a text that was escaped holds no surrogate, and comes back", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      assert.deepEqual(findSurrogates(escapeOpenings(text)), []);
      assert.equal(unescapeOpenings(escapeOpenings(text)), text);
    }),
    { numRuns: 2_000 },
  );
});

test("what is not written as we write it is no surrogate", () => {
  for (const text of [
    "{{pii:d:}}",
    "{{pii::t}}",
    "{{pii:d:t}",
    "{{pii:d:t }}",
    "{{pii:d t:t}}",
    "{{pii:d:a:t}}",
    "{{pii:%64:t}}",
    "{{pii:%:t}}",
    "{{pii:%e4:t}}",
    "{{PII:d:t}}",
    "{{pii:d:{{pii:d:}}",
  ]) {
    assert.deepEqual(findSurrogates(text), [], text);
  }
  assert.equal(findSurrogates("{{pii:d:{{pii:d:t}}}}").length, 1);
  assert.equal(findSurrogates("{{{pii:d:t}}}").length, 1);
});

test("a megabyte of beginnings is read once", () => {
  const many = (piece: string): number => findSurrogates(piece.repeat(2 ** 20 / piece.length)).length;
  assert.equal(many("{{pii:d:t}}"), Math.floor(2 ** 20 / 11));
  for (const piece of ["{{pii:", "{{pii:a:", "{", "{{pii:d:tt"]) assert.equal(many(piece), 0, piece);
});
