import assert from "node:assert/strict";
import { test } from "node:test";

import { columnFaults, load } from "../../harness/configuration.ts";

function faultsOfMask(options: string, column: string = "type: text"): readonly string[] {
  return columnFaults(`{ ${column}, mask: { kind: ff1, domain: d${options} } }`);
}

test("an alphabet has each character once, and only such as stand by themselves", () => {
  assert.deepEqual(faultsOfMask(", alphabet: abca"), ['.mask.alphabet  has "a" twice: two values could have one token']);
  assert.deepEqual(faultsOfMask(', alphabet: "😀日😀"'), ['.mask.alphabet  has "😀" twice: two values could have one token']);
  for (const alphabet of ["a b", "ab\\t", "ab\\0", "ae\\u0301", "ab\\u212b", "ab\\ud83d"]) {
    assert.match(
      faultsOfMask(`, alphabet: "${alphabet}"`)[0] ?? "",
      /^\.mask\.alphabet {2}has a character that is no letter of its own/u,
    );
  }
  assert.match(faultsOfMask(', alphabet: "😀"')[0] ?? "", /^\.mask\.alphabet/u);
  for (const alphabet of ["digits", "hex", "base62", "zyx", "äöü😀", "01"])
    assert.deepEqual(faultsOfMask(`, alphabet: ${alphabet === "01" ? '"01"' : alphabet}`), []);
});

test("a template makes a million values, and such as a text can have", () => {
  assert.deepEqual(faultsOfMask(', template: "###-##"'), [
    ".mask.template  has too few #: 5 characters out of 10 make 100,000 different values, and FF1 needs 1,000,000 (SP 800-38G r1); use siv",
  ]);
  assert.deepEqual(faultsOfMask(", template: AB-12"), [".mask.template  has no #: nothing would be masked"]);
  for (const template of [" ######", "###### ", "e\\u0301######", "\\ud83d######"]) {
    assert.match(faultsOfMask(`, template: "${template}"`)[0] ?? "", /^\.mask\.template {2}fits no value/u, template);
  }
  assert.deepEqual(faultsOfMask(', template: "##-######"', "type: text, max: 8"), [
    ".mask.template  fits no value: it has 9 characters, and max is 8",
  ]);
  for (const template of ["######", "###-##-####", "A0######", "😀 ###########"])
    assert.deepEqual(faultsOfMask(`, template: "${template}"`), []);
  assert.deepEqual(faultsOfMask(', alphabet: hex, template: "#####"'), [], "16^5");
  assert.deepEqual(faultsOfMask(', alphabet: "#0123456789", template: "######"'), [], "a # of the alphabet");
});

test("without a template it is max that can leave too few values", () => {
  assert.deepEqual(faultsOfMask("", "type: text, max: 5"), [
    ".mask.kind  ff1 cannot take any value here: 5 characters out of 10 make 100,000 different values, and FF1 needs 1,000,000 (SP 800-38G r1); use siv",
  ]);
  assert.deepEqual(faultsOfMask("", "type: text, max: 6"), []);
  assert.deepEqual(faultsOfMask(""), []);
});

test("what is right reaches the mask as it was written", () => {
  const text = 'columns: { c: { type: text, mask: { kind: ff1, domain: d, alphabet: hex, template: "0x########", tweak: t } } }\n';
  assert.deepEqual(load(text).columns[0]?.mask?.settings, { alphabet: "hex", template: "0x########", tweak: "t" });
});
