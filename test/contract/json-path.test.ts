import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { compileJsonPath, jsonPathsMeet, replaceAt, valueAt } from "../../src/contract/json-path.ts";

function valuesAt(path: string, root: unknown): unknown[] {
  return compileJsonPath(path)(root).places.map(valueAt);
}

test("a path leads through objects by name, and through lists and objects by *", () => {
  const root = {
    client: { ip: "a", port: 1 },
    devices: [{ id: "b" }, { id: "c" }, { name: "d" }],
    tags: { x: { id: "e" }, y: { id: "f" } },
  };
  assert.deepEqual(valuesAt("client.ip", root), ["a"]);
  assert.deepEqual(valuesAt("devices.*.id", root), ["b", "c"]);
  assert.deepEqual(valuesAt("tags.*.id", root), ["e", "f"]);
  assert.deepEqual(valuesAt("client.*", root), ["a", 1]);
  assert.deepEqual(valuesAt("*.*", [["g"], { h: "h" }]), ["g", "h"]);
  assert.deepEqual(valuesAt("client.name", root), []);
});

test("a member whose name holds the dots is found beside the nested one: neither may stay unmasked", () => {
  assert.deepEqual(valuesAt("a.b.c", { "a.b.c": 1, "a.b": { c: 2 }, a: { "b.c": 3, b: { c: 4 } } }).sort(), [1, 2, 3, 4]);
  assert.deepEqual(valuesAt("a.b.*", { "a.b": [1], a: { b: [2] } }).sort(), [1, 2]);
});

test("what is absent or null is told from what cannot be looked into", () => {
  const find = (path: string, root: unknown) => {
    const { places, absent, misfit } = compileJsonPath(path)(root);
    return [places.length, absent, misfit];
  };
  assert.deepEqual(find("a.b", {}), [0, true, null]);
  assert.deepEqual(find("a.b", { a: null }), [0, true, null]);
  assert.deepEqual(find("a.b", { a: { b: null } }), [1, false, null]);
  assert.deepEqual(find("a.*.b", { a: [] }), [0, false, null]);
  assert.deepEqual(find("a.*.b", { a: [{ b: 1 }, {}] }), [1, true, null]);
  assert.deepEqual(find("a.b", { a: [{ b: 1 }] }), [0, false, { path: "a", expected: "an object", found: "list" }]);
  assert.deepEqual(find("a.b", { a: "x" }), [0, false, { path: "a", expected: "an object", found: "text" }]);
  assert.deepEqual(find("a.*", { a: 5 }), [0, false, { path: "a", expected: "a list or an object", found: "number" }]);
  assert.deepEqual(find("a", []), [0, false, { path: "", expected: "an object", found: "list" }]);
});

test("inherited members are none, and __proto__ is a member like others", () => {
  assert.deepEqual(valuesAt("constructor.name", {}), []);
  assert.deepEqual(valuesAt("toString", {}), []);
  const root: unknown = JSON.parse('{"__proto__":{"ip":"a"},"x":{"__proto__":"b"}}');
  assert.deepEqual(valuesAt("__proto__.ip", root), ["a"]);
  for (const place of compileJsonPath("x.*")(root).places) replaceAt(place, "masked");
  assert.equal(JSON.stringify(root), '{"__proto__":{"ip":"a"},"x":{"__proto__":"masked"}}');
});

test("paths that can lead to one place, or inside it, are known to meet", () => {
  for (const [left, right] of [
    ["a", "a"],
    ["a", "a.b"],
    ["a.*", "a.b.c"],
    ["*", "x"],
    ["*.b", "a.*"],
  ] as const) {
    assert.equal(jsonPathsMeet(left, right), true, `${left} ${right}`);
    assert.equal(jsonPathsMeet(right, left), true, `${right} ${left}`);
  }
  for (const [left, right] of [
    ["a", "b"],
    ["a.b", "a.c"],
    ["*.b", "a.c"],
    ["a.*.b", "a.*.c"],
  ] as const)
    assert.equal(jsonPathsMeet(left, right), false, `${left} ${right}`);
});

test("two paths that do not meet never lead to one place, where no name holds a dot", () => {
  const name = fc.constantFrom("a", "b", "*");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("."));
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("x", "y", null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b"), tie("tree"), { noNullPrototype: true }),
    ),
  }));
  fc.assert(
    fc.property(path, path, tree, (left, right, root) => {
      fc.pre(!jsonPathsMeet(left, right));
      const places = compileJsonPath(left)(root).places;
      const others = compileJsonPath(right)(root).places;
      assert.ok(!places.some((place) => others.some((other) => other.holder === place.holder && other.key === place.key)));
    }),
    { numRuns: 500 },
  );
});
