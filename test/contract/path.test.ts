import assert from "node:assert/strict";
import { test } from "node:test";

import { compilePath, pathProblem } from "../../src/contract/path.ts";

test("a path descends into objects", () => {
  assert.equal(compilePath("a")({ a: 1 }), 1);
  assert.equal(compilePath("a.b.c")({ a: { b: { c: 1 } } }), 1);
  assert.equal(compilePath("a.b")({ a: { b: null } }), null);
});

test("what is not there is absent, whatever stands in its way", () => {
  for (const body of [{}, { a: null }, { a: "text" }, { a: 1 }, { a: {} }, { a: ["b"] }, { a: [{ b: 1 }] }]) {
    assert.equal(compilePath("a.b")(body), undefined);
  }
  assert.equal(compilePath("a.0")({ a: ["first"] }), undefined);
});

test("a key that holds the dots wins over nesting, at every level", () => {
  assert.equal(compilePath("a.b")({ "a.b": 1, a: { b: 2 } }), 1);
  assert.equal(compilePath("a.b.c")({ a: { "b.c": 1, b: { c: 2 } } }), 1);
});

test("nothing is inherited", () => {
  for (const path of ["constructor", "__proto__", "toString", "a.constructor", "a.__proto__.toString", "constructor.name"]) {
    assert.equal(compilePath(path)({ a: {} }), undefined);
  }
  assert.equal(compilePath("__proto__")(JSON.parse('{"__proto__": 1}') as Record<string, unknown>), 1);
});

test("a path with an empty part is reported", () => {
  for (const path of ["", ".", "a.", ".a", "a..b"]) assert.match(pathProblem(path) ?? "", /empty part/);
  assert.equal(pathProblem("a.b"), null);
});
