import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { domainToUnicode } from "node:url";

import * as fc from "fast-check";

import { readEmail } from "../../src/contract/email.ts";
import { outcome } from "./contracts.ts";

const read = (text: unknown): string | null => outcome(text, { type: "email", masked: "canonical" });

const label = fc.stringMatching(/^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$/).filter((text) => !text.startsWith("xn--"));
const unicodeLabel = fc.constantFrom("münchen", "faß", "例え", "пример", "παράδειγμα", "हिन्दी", "mañana", "i❤");
const domain = fc
  .tuple(fc.array(fc.oneof(label, unicodeLabel), { minLength: 1, maxLength: 3 }), fc.constantFrom("org", "de", "xn--p1ai", "рф"))
  .map(([labels, top]) => [...labels, top].join("."));
const local = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+/=?^_`{|}~é-]{1,10}(?:\.[A-Za-z0-9é-]{1,10}){0,2}$/);

test("all spellings of an address are one: case, Unicode, NFD, a dot at the end and spaces", () => {
  fc.assert(
    fc.property(local, domain, (name, host) => {
      const canonical = readEmail(`${name}@${host}`);
      assert.equal(typeof canonical, "string", `${name}@${host}`);
      const ascii = (canonical as string).slice((canonical as string).lastIndexOf("@") + 1);
      assert.match(ascii, /^[a-z0-9.-]+$/);
      const hosts = [host.normalize("NFD"), `${host}.`, ascii, ascii.toUpperCase(), `${ascii}.`, domainToUnicode(ascii)];
      // the capital of ß is SS to JavaScript, which is another name
      if (!host.includes("ß")) hosts.push(host.toUpperCase());
      for (const spelling of hosts) {
        assert.equal(readEmail(`${name}@${spelling}`), canonical, spelling);
        assert.equal(readEmail(` ${name.normalize("NFD")}@${spelling}\n`), canonical, spelling);
      }
    }),
    { numRuns: 300 },
  );
});

test("addresses that differ stay different", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(local, label), { selector: ([name, host]) => `${name}@${host}`, maxLength: 20 }),
      (pairs) => {
        const addresses = pairs.map(([name, host]) => readEmail(`${name}@${host}.org`));
        assert.equal(new Set(addresses).size, pairs.length);
      },
    ),
  );
});

test("the case of the local part counts, that of the domain does not", () => {
  assert.equal(read("Ann@Example.ORG"), "Ann@example.org");
  assert.notEqual(read("Ann@example.org"), read("ann@example.org"));
});

test("names beyond ASCII are mapped as browsers map them: pinned, as another mapping would be another token", () => {
  const mapped: Readonly<Record<string, string>> = {
    "münchen.de": "xn--mnchen-3ya.de",
    "faß.de": "xn--fa-hia.de",
    "例え。jp": "xn--r8jz45g.jp",
    "пример.рф": "xn--e1afmkfd.xn--p1ai",
    "ﬁ.de": "fi.de",
    "ＥＸＡＭＰＬＥ.com": "example.com",
    "i❤.ws": "xn--i-7iq.ws",
    "xn--mnchen-3ya.de": "xn--mnchen-3ya.de",
  };
  for (const [unicode, ascii] of Object.entries(mapped)) assert.equal(read(`a@${unicode}`), `a@${ascii}`);
});

test("nothing is cut off, decoded or filled up on the way: what is no domain is refused", () => {
  // each of these a URL parser takes for another host
  const hosts = [
    "a.com/b", "a.com?b", "a.com#b", "a.com:25", "%61.com", "a\\b.com", "a\tb.com", "a\nb.com", "1.2", "0x7f.1", "a.1", "127.0.0.1", "１.２",
    "[::1]", "[127.0.0.1]", "a／b.com", "a％61.com", "a b.com", "a\u3000b.com", "a@b.com", "",
  ]; // prettier-ignore
  // and these are none by RFC 5321
  hosts.push(".", "com", "localhost", "a..com", ".a.com", "a.com..", "-a.com", "a-.com", "a_b.com", "a*b.com", "a.c_m", "a.123", `${"a".repeat(64)}.com`); // prettier-ignore
  for (const host of hosts) assert.equal(read(`ann@${host}`), "! bad_format", JSON.stringify(host));
});

test("a local part is atoms with dots between them, of characters that are seen", () => {
  const parts = [
    "", ".", ".a", "a.", "a..b", "a b", '"a"', '"a b"', "a(b)", "<a", "a>", "[a]", "a:b", "a;b", "a\\b", "a,b", "a@b", "a\u00a0b", "a\u3000b",
    "a\u0007b", "a\u007fb", "a\u200bb", "a\u200db", "a\u202eb", "a\u00adb", "a\ufeffb", "a\ue000b",
  ]; // prettier-ignore
  for (const part of parts) assert.equal(read(`${part}@example.com`), "! bad_format", JSON.stringify(part));
  for (const part of ["a\0b", "a\ud800"]) assert.equal(read(`${part}@example.com`), "! bad_character");
  for (const part of ["a", "a.b", "!#$%&'*+-/=?^_`{|}~", "日本", "用户", "ñ", "😀", "a".repeat(64), "é".repeat(32)])
    assert.equal(read(`${part}@example.com`), `${part}@example.com`);
  for (const part of ["a".repeat(65), "é".repeat(33)]) assert.equal(read(`${part}@example.com`), "! bad_format");
});

test("what stands around an address is refused", () => {
  for (const text of [
    "Ann <ann@example.com>",
    "<ann@example.com>",
    "mailto:ann@example.com",
    "ann@example.com (Ann)",
    "ann",
    "@",
    "a@",
    "@a.com",
    "a@b.com, c@d.com",
    "a@b.com;",
    "ann@example.com\u200b.",
  ])
    // prettier-ignore
    assert.equal(read(text), text.includes("\u200b") ? "ann@example.com" : "! bad_format", text);
  for (const value of [7, true, {}, ["a@b.com"]]) assert.equal(outcome(value, { type: "email" }), "! wrong_type");
});

test("the longest address has 254 bytes, whatever its characters", () => {
  const host = `${"b".repeat(63)}.${"c".repeat(63)}.`;
  const fitting = `${"a".repeat(64)}@${host}${"d".repeat(61)}`;
  assert.equal(read(fitting), fitting);
  assert.equal(read(`${fitting}d`), "! bad_format");
  assert.equal(read(`${"é".repeat(32)}@${host}${"d".repeat(61)}`)?.length, 222);
  assert.equal(read(`${"é".repeat(32)}@${host}${"d".repeat(62)}`), "! bad_format");
});

test("whatever is sent, what comes out is an address that reads as itself", () => {
  const pieces = fc.constantFrom(
    "a",
    "A",
    "é",
    "e\u0301",
    "@",
    ".",
    "..",
    "-",
    "xn--",
    " ",
    "\u00ad",
    "。",
    "ß",
    "1",
    "_",
    "%",
    "/",
    "😀",
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.array(pieces, { maxLength: 15 }).map((parts) => parts.join("")),
        fc.emailAddress(),
        fc.string(),
      ),
      (text) => {
        const address = readEmail(text);
        if (typeof address !== "string") return;
        assert.match(address, /^[^@\s]+@(?:[a-z0-9-]{1,63}\.)+[a-z][a-z0-9-]{0,62}$/u);
        assert.equal(readEmail(address), address);
      },
    ),
    { numRuns: 5000 },
  );
});

test("reading takes one pass, whatever the text: no pattern repeats more than one class of characters", () => {
  const source = readFileSync(path.resolve(import.meta.dirname, "../../src/contract/email.ts"), "utf8");
  const patterns = [...source.matchAll(/(?<=[=(] ?)\/((?:\\.|\[(?:\\.|[^\]])*\]|[^/\\\n])+)\/u?(?=[;,.)])/g)].map(
    ([, pattern = ""]) => pattern,
  );
  assert.ok(patterns.length >= 5, "the patterns were read");
  for (const pattern of patterns) {
    const repeats =
      pattern
        .replaceAll(/\[(?:\\.|[^\]\\])*\]/g, "c")
        .replaceAll(/\\./g, "e")
        .match(/[*+?{(|]/g) ?? [];
    assert.ok(repeats.length === 0 || /^\^\[(?:\\.|[^\]\\])*\]\+\$$/.test(pattern), pattern);
  }
});

test("a text far too long is refused before it is read", () => {
  for (const text of [
    "a".repeat(1_000_000),
    `${"a.".repeat(500_000)}@a.com`,
    `a@${"a.".repeat(500_000)}com`,
    `a@${"ü".repeat(1_000_000)}.de`,
  ])
    assert.deepEqual(readEmail(text), {
      reason: "bad_format",
      expected: "an e-mail address of at most 254 bytes, 64 of them before the @",
      found: "a longer text",
    });
});
