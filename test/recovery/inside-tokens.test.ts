import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, type ReversibleMask } from "../../src/masks/mask.ts";
import { openSurrogates } from "../../src/masks/scan/open-surrogates.ts";
import { createScanMask } from "../../src/masks/scan/scan-mask.ts";
import { findSurrogates, surrogateWriter } from "../../src/masks/scan/surrogate.ts";
import type { InsideColumn } from "../../src/recovery/inside-tokens.ts";
import { remask, type Remasked, type TaggedColumn } from "../../src/recovery/remask.ts";
import { ringOf, root } from "../keys/rings.ts";

const ids = { oldest: 0x100, middle: 0x200, newest: 0x300 } as const;
type KeyName = keyof typeof ids;
const ring = ringOf(root(ids.newest), root(ids.oldest), root(ids.middle));
const foreign = ringOf(root(0x400), root(0x500));

function maskOf(domain: string, keyId: number, keys: typeof ring = ring): ReversibleMask {
  const mask = createMask(
    { kind: "siv", domain, type: "text", encode: "text", key: null, settings: {} },
    keys.domainKeys("siv", domain, keyId),
  );
  assert.ok(canOpen(mask));
  return mask;
}

function token(value: string, { domain = "d", key = "oldest" }: { domain?: string; key?: KeyName } = {}): string {
  return maskOf(domain, ids[key]).apply([value])[0] as string;
}

const newest = (domain: string): ReversibleMask => maskOf(domain, ids.newest);
const shared = { keyId: ids.newest, anchorId: ids.oldest, oldKeyIds: [ids.oldest, ids.middle] };
const json: InsideColumn = { ...shared, name: "document", layout: "json", masks: [newest("d"), newest("e")] };
const text: InsideColumn = { ...shared, name: "notes", layout: "text", masks: [newest("d")] };

function remaskOne(column: InsideColumn, value: string): { readonly to: string } & Pick<Remasked, "unopened"> {
  const { changes, aliases, unopened } = remask([column], [{ place: "(0,1)", tokens: [value] }]);
  assert.deepEqual(aliases, [], "aliases are for whole values");
  return { to: changes[0]?.to[0] ?? value, unopened };
}

function altered(good: string): string {
  return `${good.slice(0, 12)}${good[12] === "A" ? "B" : "A"}${good.slice(13)}`;
}

test("all tokens in a document become those of the newest key, and nothing else in it changes a byte", () => {
  const document = (make: (value: string, domain: string, key: KeyName) => string): string =>
    `{ "id": 12345678901234567890123.10, "id":1e2,"a" :"${make("Zoë", "d", "oldest")}",\n\t"b": {"": ["${make("x", "e", "middle")}",` +
    `"${make("", "d", "newest")}", "\\u00e9\\/\\\\", {"c":"${make("Zoë", "d", "middle")}"}]},"said":"he said \\"AQAA\\"" }`;
  const before = document((value, domain, key) => token(value, { domain, key }));
  const after = document((value, domain) => token(value, { domain, key: "newest" }));
  JSON.parse(before);
  assert.deepEqual(remaskOne(json, before), { to: after, unopened: [] });
  assert.deepEqual(remaskOne(json, after), { to: after, unopened: [] }, "once is enough");
});

test("any document keeps what is not a token of an old key", () => {
  const leaf = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.double(),
    fc.constant(null),
    fc.record({ value: fc.string(), domain: fc.constantFrom("d", "e"), key: fc.constantFrom("oldest", "middle", "newest") }),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie("tree")), fc.dictionary(fc.string({ unit: "binary" }), tie("tree"))),
  }));
  const write = (value: unknown, indent: number, under: (key: KeyName) => KeyName): string => {
    const masked = (_: string, inner: unknown): unknown => {
      if (typeof inner !== "object" || inner === null || !("domain" in inner && "key" in inner && "value" in inner)) return inner;
      return token(String(inner.value), { domain: String(inner.domain), key: under(inner.key as KeyName) });
    };
    return JSON.stringify(value, masked, indent);
  };
  fc.assert(
    fc.property(tree, fc.constantFrom(0, 2), (value, indent) => {
      const { to, unopened } = remaskOne(
        json,
        write(value, indent, (key) => key),
      );
      assert.equal(
        to,
        write(value, indent, () => "newest"),
      );
      assert.deepEqual(unopened, []);
    }),
    { numRuns: 60 },
  );
});

test("a document's altered token, one of a domain of other columns and one of a disabled key stay and are told", () => {
  const good = token("good");
  const [bad, other] = [altered(token("bad")), token("x", { domain: "elsewhere" })];
  const unused = maskOf("d", 0x500, foreign).apply(["x"])[0] as string;
  const column = { ...json, oldKeyIds: [...json.oldKeyIds, 0x500] };
  const write = (first: string): string => JSON.stringify({ bad, good: first, list: [other, unused], cut: good.slice(0, 20) });
  const { to, unopened } = remaskOne(column, write(good));
  assert.equal(to, write(token("good", { key: "newest" })));
  assert.deepEqual(unopened.map(({ column: name, place, keyId, failure }) => [name, place, keyId, failure]).sort(), [
    ["document", "(0,1)", 0x500, "unknown_key"],
    ["document", "(0,1)", 0x100, "not_a_token"],
    ["document", "(0,1)", 0x100, "not_authentic"],
    ["document", "(0,1)", 0x100, "not_authentic"],
  ]);
});

test("what others wrote into a document and begins like a token of a key that is not the ring's is no token of ours", () => {
  const theirs = maskOf("d", 0x400, foreign).apply(["x"])[0] as string;
  const document = JSON.stringify({ theirs, blob: `AQICAH${"x".repeat(80)}`, plain: "A".repeat(40) });
  assert.deepEqual(remaskOne(json, document), { to: document, unopened: [] });
});

test("every surrogate of the domain in a text becomes one of the newest key; the text around it stays", () => {
  for (const domain of ["d", "Straße: 100 %"]) {
    const column = { ...text, masks: [newest(domain)] };
    const write = surrogateWriter(domain);
    const sentence = (under: (key: KeyName) => KeyName): string =>
      ["oldest", "middle", "newest", "oldest"]
        .map((key, i) => `{{{pii::x {${write(token(`value ${i % 3}`, { domain, key: under(key as KeyName) }))}}} "é" `)
        .join("");
    const { to, unopened } = remaskOne(
      column,
      sentence((key) => key),
    );
    assert.equal(
      to,
      sentence(() => "newest"),
    );
    assert.deepEqual(unopened, []);
    assert.equal(findSurrogates(to).length, 4);
  }
});

test("of another domain's surrogates and of tokens that stand by themselves nothing is changed; an altered one is told", () => {
  const bad = surrogateWriter("d")(altered(token("bad")));
  const rest = `${surrogateWriter("e")(token("x", { domain: "e" }))} ${token("x")} "${token("x")}" {{pii::d:${token("x")}}}`;
  const { to, unopened } = remaskOne(text, `${bad} ${surrogateWriter("d")(token("good"))} ${rest}`);
  assert.equal(to, `${bad} ${surrogateWriter("d")(token("good", { key: "newest" }))} ${rest}`);
  assert.deepEqual(unopened, [{ place: "(0,1)", column: "notes", keyId: 0x100, failure: "not_authentic" }]);
});

test("a text scanned under an old key opens under the newest to what it was, whatever stood in it", () => {
  const scan = createScanMask(["email", "ip"], maskOf("d", ids.oldest));
  const piece = fc.oneof(
    fc.constantFrom("ann@example.com", "192.0.2.7", "{{pii:", "{{pii::", "}}", "{{", ":", "d:", " "),
    fc.string({ unit: "binary", maxLength: 5 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const [stored = ""] = scan.apply([pieces.join("")]) as string[];
      const { to, unopened } = remaskOne(text, stored);
      assert.deepEqual(unopened, []);
      const onlyNewest = maskOf("d", ids.newest, ringOf(...newestAlone()));
      const [opened] = openSurrogates(onlyNewest, [to]);
      const [expected] = openSurrogates(maskOf("d", ids.oldest), [stored]);
      assert.deepEqual(opened, expected);
      assert.equal(opened?.left, 0);
    }),
  );
});

test("whole and inside columns of a row change together, each mask is asked once, and only whole values get aliases", () => {
  const calls: string[] = [];
  const counted = (mask: ReversibleMask, name: string): ReversibleMask => ({
    ...mask,
    open: (tokens) => (calls.push(`open ${name}`), mask.open(tokens)),
    apply: (values) => (calls.push(`apply ${name}`), mask.apply(values)),
  });
  const whole: TaggedColumn = {
    name: "ip",
    domain: "d",
    mask: counted(newest("d"), "whole"),
    keyId: ids.newest,
    anchor: maskOf("d", ids.oldest),
    anchorId: ids.oldest,
  };
  const inside = { ...json, masks: [counted(newest("d"), "d"), counted(newest("e"), "e")] };
  const rows = Array.from({ length: 5 }, (_, i) => ({
    place: `(0,${i + 1})`,
    tokens: [
      i === 1 ? null : token(`ip ${i}`),
      i === 2 ? null : JSON.stringify([token(`x ${i}`), token(`y ${i}`, { domain: "e" })]),
    ],
  }));
  const { changes, aliases } = remask([whole, inside], rows);
  assert.deepEqual(
    changes.map(({ to }) => to),
    rows.map((_, i) => [
      i === 1 ? null : token(`ip ${i}`, { key: "newest" }),
      i === 2 ? null : JSON.stringify([token(`x ${i}`, { key: "newest" }), token(`y ${i}`, { domain: "e", key: "newest" })]),
    ]),
  );
  assert.deepEqual(
    aliases.map(({ canonical }) => canonical),
    rows.flatMap(({ tokens }) => tokens[0] ?? []),
  );
  assert.deepEqual(calls, ["open whole", "apply whole", "open d", "apply d", "open e", "apply e"]);
});

/** The newest root of the ring by itself. */
function newestAlone(): [(typeof ring.roots)[number]] {
  const found = ring.roots.find(({ id }) => id === ids.newest);
  assert.ok(found !== undefined);
  return [found];
}
