import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";

import * as fc from "fast-check";

import { parseIp } from "../../src/contract/ip.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import type { Mask, MaskDefinition, MaskSettings } from "../../src/masks/mask.ts";
import { maskDefinition } from "./masks.ts";
import { canonicalValues } from "./samples.ts";

function partial(type: MaskDefinition["type"], settings: MaskSettings = {}): Mask {
  return createMask(maskDefinition({ kind: "partial", type, domain: null, settings }), null);
}

test("a text keeps its first and last characters around a fill that does not tell its length", () => {
  assert.deepEqual(partial("text", { last: 4 }).apply(["593-47-5928", "12345678"]), ["***5928", "***5678"]);
  assert.deepEqual(partial("text", { first: 2 }).apply(["593-47-5928", "1234"]), ["59***", "12***"]);
  assert.deepEqual(partial("text", { first: 1, last: 1 }).apply(["Lovelace", "abcd"]), ["L***e", "a***d"]);
});

test("of a text that would not be hidden by half, nothing is shown", () => {
  assert.deepEqual(partial("text", { last: 4 }).apply(["1234567", "1234", "1", ""]), ["***", "***", "***", "***"]);
  assert.deepEqual(partial("text", { first: 1, last: 1 }).apply(["abc"]), ["***"]);
});

test("characters are code points: none is cut in two", () => {
  assert.deepEqual(partial("text", { first: 1, last: 2 }).apply(["👍👎💯🎉🎈🎁", "a👎💯🎉🎈b", "日本語日本語"]), [
    "👍***🎈🎁",
    "a***🎈b",
    "日***本語",
  ]);
});

test("at least half of every text stays hidden, and what is shown stands at its ends", () => {
  const shown = fc.integer({ min: 0, max: 5 });
  fc.assert(
    fc.property(canonicalValues.text, shown, shown, (value, first, last) => {
      const [token = ""] = partial("text", { first, last }).apply([value]);
      const characters = Array.from(value ?? "");
      const fits = 2 * (first + last) <= characters.length;
      const ends = [characters.slice(0, first), characters.slice(characters.length - last)].map((part) => part.join(""));
      assert.equal(token, fits ? `${ends[0]}***${ends[1]}` : "***");
    }),
    { numRuns: 500 },
  );
});

test("an address keeps its network, as inet and cidr read it", () => {
  const mask = partial("ip");
  assert.equal(mask.form, "ip");
  assert.deepEqual(mask.apply(["203.0.113.77", "255.255.255.255", "2001:db8:1234:5678::1", "::1"]), [
    "203.0.113.0/24",
    "255.255.255.0/24",
    "2001:db8:1234::/48",
    "::/48",
  ]);
  assert.deepEqual(partial("ip", { ipv4_prefix: 12, ipv6_prefix: 33 }).apply(["172.31.255.1", "2001:db8:ffff::1"]), [
    "172.16.0.0/12",
    "2001:db8:8000::/33",
  ]);
  assert.deepEqual(partial("ip", { ipv4_prefix: 0, ipv6_prefix: 0 }).apply(["172.31.255.1", "2001:db8::1"]), ["0.0.0.0/0", "::/0"]);
});

test("every network is that of its address: the same bits in front, none behind, and never of the other family", () => {
  const bits = (address: Uint8Array | null): string =>
    [...(address ?? [])].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  fc.assert(
    fc.property(canonicalValues.ip, fc.nat({ max: 31 }), fc.nat({ max: 127 }), (value, ipv4, ipv6) => {
      const mask = partial("ip", { ipv4_prefix: ipv4, ipv6_prefix: ipv6 });
      const [token] = mask.apply([value]);
      const [network = "", prefix] = (token ?? "").split("/");
      assert.equal(isIPv6(network), isIPv6(value));
      assert.equal(prefix, String(isIPv6(value) ? ipv6 : ipv4));
      const kept = isIPv6(value) ? ipv6 : 96 + ipv4;
      assert.equal(bits(parseIp(network)), bits(parseIp(value)).slice(0, kept).padEnd(128, "0"));
    }),
    { numRuns: 2000 },
  );
});

test("the longest network is reached", () => {
  for (const [settings, longest] of [
    [{}, "ffff:ffff:ffff::/48"],
    [{ ipv4_prefix: 25, ipv6_prefix: 0 }, "255.255.255.128/25"],
    [{ ipv6_prefix: 127 }, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"],
  ] as const)
    assert.equal(partial("ip", settings).longestToken(39), longest.length);
});

test("an e-mail address keeps its domain", () => {
  const mask = partial("email");
  assert.deepEqual(mask.apply(["ann.lee@example.com", "a@xn--mnchen-3ya.de"]), ["***@example.com", "***@xn--mnchen-3ya.de"]);
  assert.equal(mask.longestToken(null), 256);
});

test("what the contract would not let through is refused, without telling it", () => {
  for (const type of ["ip", "email"] as const) {
    assert.throws(
      () => partial(type).apply(["private-text"]),
      (error: Error) => !error.message.includes("private-text"),
    );
  }
});
