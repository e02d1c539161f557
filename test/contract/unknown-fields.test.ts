import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import { compilePath } from "../../src/contract/path.ts";
import { findUnknownFields } from "../../src/contract/unknown-fields.ts";
import { column, contract, incoming, login, loginContract } from "./contracts.ts";

function unknownIn(columns: readonly string[], ...bodies: readonly unknown[]): Readonly<Record<string, number>> {
  const of = contract(columns.map((from, index) => column(`c${index}`, { from })));
  const messages = bodies.map((body) => incoming(typeof body === "string" ? body : JSON.stringify(body)));
  return Object.fromEntries(
    findUnknownFields(of, "$message_id", messages).fields.map(({ path, messages: times }) => [path, times]),
  );
}

test("fields that no column reads are counted by message, those of most messages first", () => {
  const messages = [{ ...login, b: 1 }, { ...login, a: 1, b: null }, login].map((body) => incoming(JSON.stringify(body)));
  assert.deepEqual(findUnknownFields(loginContract, "$message_id", messages), {
    fields: [
      { path: "b", messages: 2 },
      { path: "a", messages: 1 },
    ],
    more: false,
  });
});

test("of an object that columns look into, the members they leave out are told; of one that nothing reads, its name alone", () => {
  assert.deepEqual(unknownIn(["device.id"], { device: { id: 1, os: { name: 2 }, model: 3 }, geo: { city: 1 } }), {
    "device.os": 1,
    "device.model": 1,
    geo: 1,
  });
});

test("a column that reads an object or a list reads all that is in it", () => {
  assert.deepEqual(unknownIn(["device", "device.id", "tags"], { device: { id: 1, os: 2 }, tags: [{ a: 1 }] }), {});
});

test("a key that holds the dots itself is what a path reads: what nests beside it is not", () => {
  assert.deepEqual(unknownIn(["a.b"], { "a.b": 1, a: { b: 2 } }), { a: 1 });
  assert.deepEqual(unknownIn(["a.b.c"], { a: { "b.c": 1, b: { c: 2 } } }), { "a.b": 1 });
});

test("the identity is read too, and columns that come from the message read nothing of the body", () => {
  const of = contract([column("day", { from: "$sent_at", type: "date" })]);
  const messages = [incoming('{"event": {"id": 1, "v": 2}, "day": 3}')];
  const { fields } = findUnknownFields(of, "event.id", messages);
  assert.deepEqual(
    fields.map(({ path }) => path),
    ["event.v", "day"],
  );
});

test("a body that cannot be opened has no fields, and none has those of the prototype", () => {
  const told = Object.keys(unknownIn(["a"], "not JSON", "[1]", '{"__proto__": {"x": 1}, "constructor": 2}'));
  assert.deepEqual(told, ["__proto__", "constructor"]);
});

test("a name cannot draw on a terminal, nor be taken for another", () => {
  const found = Object.keys(
    unknownIn(["a"], { "\u001B[31mred": 1, "turn\u202Eed": 2, "b.c": 3, "": 4, "two\nlines": 5, Größe: 6 }),
  );
  assert.deepEqual(found, ['"\\u001b[31mred"', '"turn\\u{202e}ed"', '"b.c"', '""', '"two\\nlines"', "Größe"]);
});

test("names are bounded in length, and in number", () => {
  const body = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`${"long".repeat(1_000)} ${index} ${index}`, 1]));
  const { fields } = findUnknownFields(contract([column("a")]), "$message_id", [incoming(JSON.stringify(body))]);
  assert.ok(fields.every(({ path }) => path.length <= 100));
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`user${index}@example.org`, 1]));
  const counted = findUnknownFields(contract([column("a")]), "$message_id", [
    incoming(JSON.stringify(many)),
    incoming(JSON.stringify(many)),
  ]);
  assert.equal(counted.fields.length, 200);
  assert.ok(counted.more);
  assert.ok(
    counted.fields.every(({ messages }) => messages === 2),
    "what is counted is counted on",
  );
});

test("whatever the body: what is told can go without a column missing it, then nothing is told, and every name is in view", () => {
  const names = fc.constantFrom("a", "b", "a.b", "x", "\u0007", "__proto__");
  const bodies = fc.dictionary(names, fc.oneof(fc.integer(), fc.dictionary(names, fc.integer())));
  const columns = fc.uniqueArray(fc.constantFrom("a", "b", "a.b", "b.a", "a.x.b"), { minLength: 1 });
  fc.assert(
    fc.property(bodies, columns, (body, paths) => {
      const object = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
      const found = (): readonly unknown[] => paths.map((path) => compilePath(path)(object));
      const before = structuredClone(found());
      for (const path of Object.keys(unknownIn(paths, object))) {
        assert.doesNotMatch(path, /\p{C}/u);
        remove(object, path);
      }
      assert.deepEqual(found(), before);
      assert.deepEqual(unknownIn(paths, object), {});
      for (const key of Object.keys(object))
        assert.ok(
          paths.some((path) => path === key || path.startsWith(`${key}.`)),
          "all else is told",
        );
    }),
  );
});

function remove(object: Record<string, unknown>, path: string): void {
  const names = (path.match(/"(?:[^"\\]|\\.)*"|[^."]+/g) ?? []).map((name) =>
    name.startsWith('"') ? String(JSON.parse(name)) : name,
  );
  const last = names.pop() ?? "";
  const holder = names.reduce((level, name) => level[name] as Record<string, unknown>, object);
  assert.ok(Object.hasOwn(holder, last) && delete holder[last], "it is there");
}
