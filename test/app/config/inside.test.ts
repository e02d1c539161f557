import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { placedMasks } from "../../../src/app/config/configured-column.ts";
import { columnFaults, faultsOf, load } from "../../harness/configuration.ts";

const siv = "mask: { kind: siv, domain: d }";

suite("masks at the paths of a JSON column", () => {
  test("stand on a json column only, and not beside a mask of the whole value", () => {
    assert.deepEqual(columnFaults(`{ type: text, paths: { a: { type: ip, ${siv} } } }`), [
      ".paths  is for type json; this column is text",
    ]);
    assert.deepEqual(columnFaults(`{ type: json, mask: { kind: "null" }, paths: { a: { type: ip, ${siv} } } }`), [
      ".mask  masks the whole value, which leaves nothing to paths: leave one of them out",
    ]);
    assert.deepEqual(
      columnFaults(`{ type: json, paths: { a.b: { type: ip, ${siv} }, "c.*.id": { type: text, max: 9, ${siv} } } }`),
      [
        ".paths.c.*.id.mask.domain  domain d is used by column c.a.b with another kind, type, encode or option; equal values would differ: name another domain",
      ],
    );
  });

  test("have the faults of any mask, at their own line", () => {
    assert.deepEqual(
      faultsOf(`columns:
  c:
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv } }
      name:
        type: text
        mask:
          kind: redact
          domain: d
      seen: { type: date, max: 3, mask: { kind: redact } }
`),
      [
        "maskline.yaml:5  columns.c.paths.client.ip.mask.domain  is missing: siv derives its key from it; write for example domain: client.ip",
        "maskline.yaml:10  columns.c.paths.name.mask.domain  is for keyed masks; redact has no key",
        "maskline.yaml:11  columns.c.paths.seen.max  is for texts; this path is date",
      ],
    );
  });

  test("need a type and a mask, and know no other option", () => {
    assert.deepEqual(
      columnFaults(`{ type: json, paths: { a: { from: b } } }`).map((fault) => fault.split("  ")[0]),
      [".paths.a.type", ".paths.a.mask", ".paths.a.from"],
    );
    assert.match(columnFaults("{ type: json, paths: {} }")[0] ?? "", /^\.paths {2}is empty/);
    assert.match(columnFaults(`{ type: json, paths: { a: { type: txt, ${siv} } } }`)[0] ?? "", /\.paths\.a\.type {2}found "txt"/);
  });

  test("have paths that lead somewhere, and never two to one place", () => {
    const paths = (...names: readonly string[]): readonly string[] =>
      columnFaults(`{ type: json, paths: { ${names.map((name) => `"${name}": { type: text, ${siv} }`).join(", ")} } }`);
    for (const bad of ["a..b", ".a", "a.", "a.b*", "*x"]) assert.match(paths(bad)[0] ?? "", /^\.paths {2}\S+ is not a path: /, bad);
    for (const [one, other] of [
      ["a", "a.b"],
      ["a.b", "a"],
      ["a.*", "a.b"],
      ["*.b", "a.*"],
      ["*", "a.b.c"],
    ] as const) {
      assert.deepEqual(paths(one, other), [
        `.paths.${other}  leads to the same place as ${one}, or inside it: one value has one mask`,
      ]);
    }
    for (const apart of [["a.b", "a.c"], ["a.*.b", "a.*.c"], ["*.a", "*.b"], ["a"], ["*"]]) assert.deepEqual(paths(...apart), []);
  });
});

suite("a scan", () => {
  test("stands on a text with one of the masks whose tokens fit into it", () => {
    assert.deepEqual(columnFaults(`{ type: json, scan: [ip] }`), [".scan  is for type text; this column is json"]);
    assert.deepEqual(columnFaults(`{ type: text, scan: [ip] }`), [
      ".mask  is missing: findings are replaced by its tokens; write for example mask: { kind: siv, domain: c }",
    ]);
    assert.deepEqual(columnFaults(`{ type: text, scan: [ip], mask: { kind: redact } }`), [
      ".mask.kind  redact is not for findings in a text: use siv, hmac, cmac",
    ]);
    assert.deepEqual(columnFaults(`{ type: text, scan: [ip], mask: { kind: hmac } }`), [
      ".mask.domain  is missing: hmac derives its key from it; write for example domain: c",
    ]);
    for (const kind of ["siv", "hmac", "cmac"])
      assert.deepEqual(
        columnFaults(`{ type: text, scan: [ip, email, uuid, ssn-shape, card], mask: { kind: ${kind}, domain: d } }`),
        [],
      );
  });

  test("names what it looks for", () => {
    assert.deepEqual(columnFaults(`{ type: text, scan: [ip, phone], ${siv} }`), [
      '.scan.1  found a text; needed: ip, email, uuid, ssn-shape, card, or a pattern of your own, such as { name: employee, pattern: "E[0-9]{6}" }.',
    ]);
    assert.deepEqual(columnFaults(`{ type: text, scan: [ip, ip], ${siv} }`), [".scan.1  has the name of an earlier one"]);
    assert.deepEqual(columnFaults(`{ type: text, scan: [{ name: ip, pattern: x }, ip], ${siv} }`), [
      ".scan.1  has the name of an earlier one",
    ]);
    assert.match(columnFaults(`{ type: text, scan: [], ${siv} }`)[0] ?? "", /^\.scan {2}/);
    assert.match(columnFaults(`{ type: text, scan: [{ name: x }], ${siv} }`)[0] ?? "", /^\.scan\.0\.pattern {2}is missing/);
  });

  test("has patterns that can be matched in one pass, or says why not", () => {
    const fault = (pattern: string): string =>
      columnFaults(`{ type: text, scan: [{ name: p, pattern: '${pattern}' }], ${siv} }`)[0] ?? "";
    assert.equal(fault("E[0-9]{6}"), "");
    assert.match(fault("x*"), /^\.scan\.0\.pattern {2}matches the empty text/);
    assert.match(fault("[a-z]{1000}"), /^\.scan\.0\.pattern {2}is too big/);
    assert.match(fault("(x)\\1"), /^\.scan\.0\.pattern {2}has \\1, which is not known/);
    assert.match(fault("^x"), /^\.scan\.0\.pattern {2}has \^, which is not known/);
  });
});

test("masks inside values share domains with columns of the same definition only", () => {
  const notes = "notes: { type: text, scan: [ip], mask: { kind: siv, domain: d } }";
  assert.deepEqual(faultsOf(`columns: { a: { type: text, mask: { kind: siv, domain: d } }, ${notes} }\n`), []);
  assert.deepEqual(faultsOf(`columns: { a: { type: text, mask: { kind: hmac, domain: d } }, ${notes} }\n`).length, 1);
  assert.match(
    faultsOf(`columns: { a: { type: ip, ${siv} }, ${notes} }\n`)[0] ?? "",
    /columns\.notes\.mask\.domain {2}domain d is used by column a/,
  );
});

test("every mask is listed with its place, inside values too", () => {
  const { columns } = load(`columns:
  a: { type: ip, mask: { kind: siv, domain: x } }
  b: { type: json, paths: { c.ip: { type: ip, mask: { kind: siv, domain: x } }, d: { type: text, mask: { kind: redact } } } }
  e: { type: text, scan: [email], mask: { kind: hmac, domain: y } }
  f: { type: text }
`);
  assert.deepEqual(
    columns
      .flatMap(placedMasks)
      .map(({ place, read, sought, mask }) => [place, read.name, sought, mask.kind, mask.domain, mask.type, mask.encode]),
    [
      ["a", "a", null, "siv", "x", "ip", "packed"],
      ["b.c.ip", "c.ip", null, "siv", "x", "ip", "packed"],
      ["b.d", "d", null, "redact", null, "text", "text"],
      ["e", "e", ["email"], "hmac", "y", "text", "text"],
    ],
  );
});
