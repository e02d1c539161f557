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

test("a member whose name holds the dots of a path with * is found too", () => {
  for (const root of [
    { "devices.x.id": "s" },
    { "devices.x": { id: "s" } },
    { devices: { "x.id": "s" } },
    { devices: { "x.y": { id: "s" } } },
    { "devices.10.0.0.1": { id: "s" } },
    { "devices.10.0.0.1.id": "s" },
  ]) {
    assert.deepEqual(valuesAt("devices.*.id", root), ["s"], JSON.stringify(root));
    assert.equal(compileJsonPath("devices.*.id")(root).misfit, null);
  }
  assert.deepEqual(valuesAt("a.*.b.c", { a: { "x.b": { c: "s" } } }), ["s"]);
  assert.deepEqual(valuesAt("hosts.*.*", { hosts: { "10.0.0.1": { id: "s" } } }), ["s"], "the place of all, not the object");
  assert.deepEqual(valuesAt("devices.*.id", { "devicesx.y.id": 1, "devices.id": {}, devices: { id: { x: 2 } } }), []);
});

/** Members of all depths, with the names on the way to them. */
function* members(
  value: unknown,
  above: readonly string[] = [],
): Generator<readonly [names: string, holder: unknown, key: string]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield [[...above, key].join("/"), value, key];
    yield* members(inner, [...above, key]);
  }
}

const anyName = fc.constantFrom("a", "b", "*");
const anyPath = fc.array(anyName, { minLength: 1, maxLength: 4 }).map((names) => names.join("."));
function treeOf(...names: readonly string[]): fc.Arbitrary<unknown> {
  return fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      fc.constantFrom("x", "y", null),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...names), tie("tree"), { noNullPrototype: true }),
    ),
  })).tree;
}

test("by every reading of the dots a value is found, inside what is found, or the whole does not fit", () => {
  let found = 0;
  fc.assert(
    fc.property(anyPath, treeOf("a", "b", "a.b", "b.a", "a.b.a", "x.b", "a.x.y"), (path, root) => {
      const { places, misfit } = compileJsonPath(path)(root);
      const reading = new RegExp(`^${path.replaceAll(".", "[./]").replaceAll("*", "[^/]+")}$`);
      const all = [...members(root)];
      const shown = all.filter(([, holder, key]) => places.some((place) => place.holder === holder && place.key === key));
      assert.equal(shown.length, places.length, "each place once");
      for (const [names] of shown) assert.match(names, reading);
      if (misfit !== null) return;
      for (const [names, holder, key] of all) {
        const value = (holder as Record<string, unknown>)[key];
        if (!reading.test(names) || (typeof value === "object" && value !== null)) continue;
        assert.ok(
          shown.some(([above]) => names === above || names.startsWith(`${above}/`)),
          `${path} ${names}`,
        );
        found += 1;
      }
    }),
    { numRuns: 3_000 },
  );
  assert.ok(found > 300, `only ${found} values`);
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
    ["*.b", "a.x.b"],
    ["*.c.*", "a.*.c.d"],
  ] as const) {
    assert.equal(jsonPathsMeet(left, right), true, `${left} ${right}`);
    assert.equal(jsonPathsMeet(right, left), true, `${right} ${left}`);
  }
  for (const [left, right] of [
    ["a", "b"],
    ["a.b", "a.c"],
    ["*.b", "a.c"],
    ["a.*.b", "a.*.c"],
    ["*.b", "a.x.c"],
  ] as const)
    assert.equal(jsonPathsMeet(left, right), false, `${left} ${right}`);
});

test("two paths that do not meet never lead to one place, also where names hold dots", () => {
  fc.assert(
    fc.property(anyPath, anyPath, treeOf("a", "b", "a.b", "b.a", "a.b.a"), (left, right, root) => {
      fc.pre(!jsonPathsMeet(left, right));
      const places = compileJsonPath(left)(root).places;
      const others = compileJsonPath(right)(root).places;
      assert.ok(!places.some((place) => others.some((other) => other.holder === place.holder && other.key === place.key)));
    }),
    { numRuns: 3_000 },
  );
});
