import assert from "node:assert/strict";
import { test } from "node:test";

import { FF1 } from "@noble/ciphers/ff1.js";
import * as fc from "fast-check";

import { compileContract } from "../../src/contract/check.ts";
import { MasklineError } from "../../src/errors.ts";
import type { MaskSettings } from "../../src/masks/mask.ts";
import { Masking } from "../../src/pipeline/masking.ts";
import { Preparation } from "../../src/pipeline/prepare.ts";
import { load } from "../harness/configuration.ts";
import { makeDelivery } from "../harness/login-table.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";
import { createFf1, createUnauthenticated, maskAndOpen } from "./unauthenticated.ts";

const notAToken = { failure: "not_a_token" };

const alphabets: Readonly<Record<string, string>> = {
  digits: "0123456789",
  hex: "0123456789abcdef",
  lowercase: "abcdefghijklmnopqrstuvwxyz",
  uppercase: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  base36: "0123456789abcdefghijklmnopqrstuvwxyz",
  base62: "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
  zyx: "zyx",
  "#01": "#01",
  "äöüß😀日": "äöüß😀日",
};

/** An alphabet's option, and what is as long as FF1 wants it to be, or longer. */
const settingsAndValues = fc
  .record({
    named: fc.constantFrom(...Object.keys(alphabets)),
    form: fc.option(fc.constantFrom("", "-", "(a0)", "€😀"), { nil: null }),
    tweak: fc.option(fc.string({ unit: "binary", maxLength: 20 }), { nil: undefined }),
  })
  .chain(({ named, form, tweak }) => {
    const characters = Array.from(alphabets[named] as string);
    const fewest = Math.ceil(Math.log(1e6) / Math.log(characters.length));
    const character = fc.constantFrom(...characters);
    const template = form === null ? undefined : `${form}${"#".repeat(fewest)}${form}##${form}`;
    const value =
      form === null
        ? fc.array(character, { minLength: fewest, maxLength: 40 }).map((parts) => parts.join(""))
        : fc
            .array(character, { minLength: fewest + 2, maxLength: fewest + 2 })
            .map((parts) => `${form}${parts.slice(2).join("")}${form}${parts.slice(0, 2).join("")}${form}`);
    const settings: MaskSettings = {
      alphabet: named,
      ...(template === undefined ? {} : { template }),
      ...(tweak === undefined ? {} : { tweak }),
    };
    return fc.record({ settings: fc.constant(settings), form: fc.constant(form), values: fc.array(value, { maxLength: 30 }) });
  });

test("every value comes back from its token, and different values have different tokens, in any batch", () => {
  fc.assert(
    fc.property(settingsAndValues, ({ settings, values }) => {
      const mask = createFf1(settings);
      const tokens = mask.apply(values);
      assert.equal(new Set(tokens).size, new Set(values).size);
      assert.deepEqual(
        mask.open(tokens),
        values.map((value) => ({ value })),
      );
      values.forEach((value, index) => assert.deepEqual(mask.apply([value]), [tokens[index]]));
    }),
    { numRuns: 300 },
  );
});

test("a token has the form of its value: its length, its alphabet, and every literal of the template in its place", () => {
  fc.assert(
    fc.property(settingsAndValues, ({ settings, values }) => {
      const characters = new Set(alphabets[settings.alphabet ?? "digits"]);
      const form = settings.template === undefined ? null : Array.from(settings.template);
      createFf1(settings)
        .apply(values)
        .forEach((token, index) => {
          assert.equal(Array.from(token).length, Array.from(values[index] as string).length);
          Array.from(token).forEach((character, place) => {
            if (form === null || form[place] === "#") assert.ok(characters.has(character));
            else assert.equal(character, form[place]);
          });
        });
    }),
  );
});

test("a token is what another implementation of FF1 gives, with the tweak's UTF-8", () => {
  const { key } = testKey("ff1", "d");
  for (const tweak of ["", "login.phone", "Straße 😀"]) {
    const expected = FF1(10, key, Buffer.from(tweak)).encrypt([5, 9, 3, 4, 7, 5, 9, 2, 8]).join("");
    const template = "###-##-####";
    const dashed = `${expected.slice(0, 3)}-${expected.slice(3, 5)}-${expected.slice(5)}`;
    assert.deepEqual(createFf1({ tweak }).apply(["593475928"]), [expected]);
    assert.deepEqual(createFf1({ tweak, template }).apply(["593-47-5928"]), [dashed]);
  }
  assert.deepEqual(createFf1().apply(["593475928"]), createFf1({ tweak: "", alphabet: "digits" }).apply(["593475928"]));
});

test("the characters of an alphabet count in their order", () => {
  const [token = ""] = createFf1({ alphabet: "digits" }).apply(["0123456"]);
  const renamed = (text: string): string => Array.from(text, (digit) => "zyxwvutsrq"[Number(digit)]).join("");
  assert.deepEqual(createFf1({ alphabet: "zyxwvutsrq" }).apply([renamed("0123456")]), [renamed(token)]);
});

test("a value of another form is refused, with nothing of it in the error, and nothing of its batch is masked", () => {
  const template = "###-##-####";
  const refused: readonly [MaskSettings, readonly string[]][] = [
    [{}, ["", "1", "12345", "12345a", "123456 ", "١٢٣٤٥٦", "12345-6", "1".repeat(1_025), "1234567\ud83d"]],
    [{ template }, ["", "593475928", "593-47-592", "593-47-59281", "593-47 5928", "593-4a-5928", " 593-47-5928", "593-47-5928\n"]],
    [{ alphabet: "hex" }, ["ABCDEF", "abcdeg", "abcd"]],
    [{ alphabet: "äöüß😀日" }, ["äöüß😀日", "äöüß\ud83däöüß", "äöüß\ude00äöüß"]],
  ];
  for (const [settings, values] of refused) {
    const mask = createFf1(settings);
    const good = settings.template === undefined ? "" : "593-47-5928";
    for (const value of values) {
      assert.throws(
        () => mask.apply(good === "" ? [value] : [good, value]),
        (error) => error instanceof MasklineError && error.code === "value_unfit" && !/\d{3}|[äöüß]/u.test(error.message),
        value,
      );
    }
  }
});

test("the pipeline quarantines a value of another form, and masks those around it", () => {
  const settings = { template: "###-##-####" };
  const { contract, columns } = load('columns: { c: { type: text, mask: { kind: ff1, domain: d, template: "###-##-####" } } }\n');
  const column = columns[0]?.column ?? assert.fail();
  const mask = createFf1(settings);
  const values = ["593-47-5928", "593475928", "111-22-3333"];
  const deliveries = values.map((c) => makeDelivery({ body: JSON.stringify({ c }) }));
  const { rows, refused } = new Preparation(compileContract(contract), new Masking([{ column, mask }])).prepare(deliveries);
  assert.deepEqual(rows.columns[0]?.texts(), mask.apply(["593-47-5928", "111-22-3333"]));
  assert.deepEqual(
    refused.map(({ delivery, faults }) => [delivery, faults[0]?.reason]),
    [[deliveries[1], "mask_failed"]],
  );
});

test("fewer than a million possible values are refused, a million are not", () => {
  const shortest: readonly [string, string][] = [
    ["digits", "123456"],
    ["hex", "abcde"],
    ["lowercase", "abcde"],
    ["uppercase", "ABCDE"],
    ["base36", "abcd"],
    ["base62", "abCD"],
    ["01", "01100110011001100110"],
  ];
  for (const [alphabet, value] of shortest) {
    const mask = createFf1({ alphabet });
    assert.equal(mask.apply([value])[0]?.length, value.length);
    assert.throws(() => mask.apply([value.slice(1)]), { code: "value_unfit" });
    assert.deepEqual(mask.open([value.slice(1)]), [notAToken]);
  }
});

test("what cannot be a token is told from what can, and does not stop its neighbours", () => {
  const mask = createFf1({ template: "##-######" });
  const [first = "", second = ""] = mask.apply(["12-345678", "00-000000"]);
  assert.deepEqual(mask.open(["", first, "12345678", "12-34567x", second, "12-3456789"]), [
    notAToken,
    { value: "12-345678" },
    notAToken,
    notAToken,
    { value: "00-000000" },
    notAToken,
  ]);
  assert.deepEqual(mask.open([]), []);
});

test("the primary key masks and opens; a key that is only known, and another domain's, open to another value", () => {
  const [primary, other] = [testKey("ff1", "d", 1), testKey("ff1", "e", 2)];
  const mask = createUnauthenticated(maskDefinition({ kind: "ff1" }), { primary, known: [other, primary] });
  const tokens = mask.apply(["593475928"]);
  assert.deepEqual(tokens, createFf1().apply(["593475928"]));
  assert.deepEqual(mask.open(tokens), [{ value: "593475928" }]);
  const [opened] = createUnauthenticated(maskDefinition({ kind: "ff1" }), onlyKey(other)).open(tokens);
  assert.match(JSON.stringify(opened), /^\{"value":"\d{9}"\}$/u);
  assert.notDeepEqual(opened, { value: "593475928" });
});

test("no token is longer than said, in characters", () => {
  assert.equal(createFf1().longestToken(11), 11);
  assert.equal(createFf1().longestToken(null), 1_024);
  assert.equal(createFf1().longestToken(5_000), 1_024);
  assert.equal(createFf1({ template: "###-##-####" }).longestToken(null), 11);
  assert.equal(createFf1({ alphabet: "äöüß😀日", template: "😀########" }).longestToken(40), 9);
  assert.equal(createFf1().apply(["7".repeat(1_024)])[0]?.length, 1_024);
});

test("a mask that could keep no value apart is never made", () => {
  for (const settings of [{ alphabet: "aa" }, { template: "#####" }, { alphabet: "0" }]) {
    assert.throws(() => createFf1(settings), { code: "config_invalid" });
  }
});

test("all ids of six digits have tokens of their own, and come back", () => {
  const values = Array.from({ length: 1_000_000 }, (_, id) => String(id).padStart(6, "0"));
  const tokens = maskAndOpen(createFf1(), values);
  const seen = new Uint8Array(1_000_000);
  for (const token of tokens) seen[Number(token)] = 1;
  assert.ok(!seen.includes(0));
});
