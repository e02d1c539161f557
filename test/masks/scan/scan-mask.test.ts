import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { countCharacters } from "../../../src/contract/text.ts";
import { createMask } from "../../../src/masks/create-mask.ts";
import type { ColumnMask } from "../../../src/masks/mask.ts";
import { createDetectors, type Sought } from "../../../src/masks/scan/detectors.ts";
import { openSurrogates } from "../../../src/masks/scan/open-surrogates.ts";
import { createScanMask } from "../../../src/masks/scan/scan-mask.ts";
import { createScanner } from "../../../src/masks/scan/scanner.ts";
import { findSurrogates } from "../../../src/masks/scan/surrogate.ts";
import { createReversible, maskDefinition, onlyKey, sivDefinition, testKey } from "../masks.ts";
import { allKinds, samples } from "./findings.ts";

const domain = "support.notes";
const siv = createReversible(sivDefinition({ domain }), onlyKey(testKey("siv", domain)));
const hmac = createMask(maskDefinition({ kind: "hmac", domain }), onlyKey(testKey("hmac", domain)));
const employee: Sought = { name: "employee", pattern: "E[0-9]{6}" };
const mask = createScanMask([...allKinds, employee], siv);
const scan = createScanner(createDetectors([...allKinds, employee]));

const piece = fc.oneof(
  fc.constantFrom(
    ...Object.values(samples),
    "E123456",
    "2001:DB8::1",
    "4111 1111 1111 1111",
    "{{pii:",
    "{{pii::1",
    "}}",
    ":",
    " ",
    " to ",
    "\u{1f600}",
  ),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));

/** What a scanning mask makes of texts: never null. */
function masked(texts: readonly string[], by: ColumnMask = mask): string[] {
  return by.apply(texts).map((text) => text ?? assert.fail("a text was lost"));
}

/** The text with what is found in it in its canonical form: all that a reversible scan promises to give back. */
function canonical(shown: string): string {
  let result = "";
  let from = 0;
  for (const { start, end, value } of scan(shown)) {
    result += shown.slice(from, start) + value;
    from = end;
  }
  return result + shown.slice(from);
}

test("findings become surrogates with the token of a plain column of their domain, and the rest stays", () => {
  const [ip, mail, id] = siv.apply(["2001:db8::1", "Ann@example.com", "E123456"]);
  assert.deepEqual(mask.apply(["from 2001:DB8::1 by Ann@Example.com (E123456) ", "", "nothing here", "E123456"]), [
    `from {{pii:support.notes:${ip}}} by {{pii:support.notes:${mail}}} ({{pii:support.notes:${id}}}) `,
    "",
    "nothing here",
    `{{pii:support.notes:${id}}}`,
  ]);
});

test("the mask is called once for all texts", () => {
  let calls = 0;
  const counting = { ...hmac, apply: (values: readonly string[]) => ((calls += 1), hmac.apply(values)) };
  const scanning = createScanMask(["ip"], counting);
  const [one, two] = scanning.apply(["1.2.3.4 5.6.7.8", "1.2.3.4"]);
  assert.equal(calls, 1);
  assert.equal(one?.split(" ")[0], two, "one address, one token");
});

test("texts come back, up to the canonical form of what was found in them", () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), (texts) => {
      const opened = openSurrogates(siv, masked(texts));
      assert.deepEqual(
        opened.map((result) => result.text),
        texts.map(canonical),
      );
      assert.ok(opened.every(({ left }) => left === 0));
    }),
    { numRuns: 1_000 },
  );
});

test("no planted value is left in a masked text, whatever stands around it", () => {
  const values = [
    ...Object.values(samples),
    "E123456",
    "2001:db8::1",
    "4111-1111-1111-1111",
    "o'brien@example.co.uk",
    "198.51.100.2",
  ];
  const border = fc.constantFrom(" ", "\n", "(", ")", ", ", ";", "=", " {{pii: ", '"', "\u{1f600}", " / ", "}} ", "\u3002");
  fc.assert(
    fc.property(fc.array(fc.tuple(border, fc.constantFrom(...values), border), { minLength: 1, maxLength: 8 }), (parts) => {
      const [result = ""] = masked([parts.flat().join("")]);
      const surrogates = findSurrogates(result);
      assert.equal(surrogates.length, parts.length);
      const outside = [0, ...surrogates.map(({ end }) => end)].map((from, index) => result.slice(from, surrogates[index]?.start));
      for (const [, value] of parts) assert.ok(!outside.some((plain) => plain.includes(value)), value);
    }),
    { numRuns: 1_000 },
  );
});

suite("a text that plays with surrogates", () => {
  const [token = ""] = siv.apply(["203.0.113.7"]);

  test("and holds a token of ours is recognised, in a surrogate or by itself", () => {
    for (const held of [token, `see {{pii:support.notes:${token}}} there`, `{{pii:other:${token}}}`, `x ${token}.`, `(${token})`])
      assert.deepEqual(mask.recognises?.(["plain", held]), [false, true], held);
    const forged = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    assert.deepEqual(mask.recognises?.([`{{pii:support.notes:${forged}}}`, "AQAABNLE", ""]), [false, false, false]);
  });

  test("and has a pattern find a token of ours is recognised, whatever stands beside it", () => {
    const scanning = createScanMask(["ip", { name: "rest", pattern: "AQ[^!]+|E[0-9]+" }], siv);
    const tokens = siv.apply(Array.from({ length: 512 }, (_, index) => `v${index}`));
    const kelvin = tokens.find((one) => one.split("K").every((part) => part.length < 20)) ?? assert.fail("none");
    for (const held of [`x${token}`, `_${token} !`, `1.2.3.4 x${token}`, `x${kelvin.replaceAll("K", "\u212a")}`])
      assert.deepEqual(scanning.recognises?.([held, "E1 and E2"]), [true, false], held);
  });

  test("and holds a token of ours within a longer run does not give it away: it is no surrogate", () => {
    for (const held of [`x${token}`, `${token}-`, `_${token}`, `{{pii:support.notes:x${token}}}`]) {
      const results = masked([held]);
      assert.equal(openSurrogates(siv, results)[0]?.text, held, "it comes back as it was sent");
    }
  });

  test("but holds none of ours opens to itself: another domain's token stays closed", () => {
    const other = createReversible(sivDefinition({ domain: "login.ip" }), onlyKey(testKey("siv", "login.ip")));
    const foreign = other.apply(["198.51.100.9"])[0] ?? "";
    const texts = [`{{pii:login.ip:${foreign}}}`, "{{pii:support.notes:AQAABNLE}}", "{{pii:", "{{pii::1", "{{pii::::x}}"];
    assert.deepEqual(
      mask.recognises?.(texts),
      texts.map(() => false),
    );
    const results = masked(texts);
    assert.deepEqual(
      results.flatMap((one) => findSurrogates(one).filter(({ domain: named }) => named !== domain)),
      [],
    );
    for (const reader of [siv, other]) {
      const opened = openSurrogates(reader, results);
      assert.ok(!opened.some((one) => one.text.includes("198.51.100.9")));
    }
    assert.deepEqual(
      openSurrogates(siv, results).map((one) => one.text),
      texts.map(canonical),
    );
  });

  test("cannot pass off a one-way token: every opening that came in is escaped", () => {
    const oneWay = createScanMask(["ip"], hmac);
    const [seen = ""] = masked(["203.0.113.7"], oneWay);
    const [again = ""] = masked([`mine: ${seen}`], oneWay);
    assert.deepEqual(findSurrogates(again), []);
    assert.equal(oneWay.recognises, undefined, "there is no key that would tell");
  });
});

test("a surrogate that does not open is left, and counted", () => {
  const stranger = createReversible(sivDefinition({ domain }), onlyKey(testKey("siv", domain, 0x7777_7777, Buffer.alloc(32, 9))));
  const results = masked(["a 203.0.113.7 b E123456"]);
  assert.deepEqual(openSurrogates(stranger, results), [{ text: results[0], opened: 0, left: 2 }]);
  assert.deepEqual(openSurrogates(siv, results), [{ text: "a 203.0.113.7 b E123456", opened: 2, left: 0 }]);
});

test("no masked text is longer than said", () => {
  for (const inner of [siv, hmac]) {
    const scanning = createScanMask([...allKinds, employee, { name: "letters", pattern: "q+|é" }], inner);
    fc.assert(
      fc.property(
        fc.oneof(text, fc.string({ unit: fc.constantFrom("q", "é", " ", ":", "1", "{{pii:"), maxLength: 30 })),
        (shown) => {
          const [result = ""] = masked([shown], scanning);
          assert.ok(countCharacters(result) <= (scanning.longestToken(countCharacters(shown)) ?? 0));
        },
      ),
      { numRuns: 1_000 },
    );
    assert.equal(scanning.longestToken(null), null);
  }
  const onlyIp = createScanMask(["ip"], siv);
  const dense = "::1 ".repeat(25).trim();
  const [worst = ""] = masked([dense], onlyIp);
  const bound = onlyIp.longestToken(dense.length) ?? 0;
  assert.ok(worst.length <= bound && bound < worst.length * 1.5, `${worst.length} of ${bound}: the bound is near`);
});

test("the longest masked text is known as soon for a large limit as for a small one, and nearly as well", () => {
  let calls = 0;
  const counting = { ...siv, longestToken: (max: number | null) => ((calls += 1), siv.longestToken(max)) };
  const scanning = createScanMask(["email", { name: "all", pattern: ".+" }, { name: "many", pattern: "q{200,}" }], counting);
  for (const large of [2 ** 53 - 1, 1e300]) assert.ok((scanning.longestToken(large) ?? 0) > large);
  assert.ok(calls < 100_000, `${calls} lengths looked at`);
  const long = createScanMask([{ name: "many", pattern: "q{200,}" }], siv);
  for (const length of [200, 1_023, 1_024, 1_025, 5_000]) {
    const [worst = ""] = masked(["q".repeat(length)], long);
    const bound = long.longestToken(length) ?? 0;
    assert.ok(worst.length <= bound && bound < worst.length * 1.2, `${worst.length} of ${bound}`);
  }
});
