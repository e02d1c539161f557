import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";

import * as fc from "fast-check";

import { formatIp, parseIp, readIp } from "../../src/contract/ip.ts";

const addresses = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
  // Mostly zeros, so that runs of them come in every length and place.
  fc.array(fc.constantFrom(0, 0, 0, 1, 0xff, 0xabcd), { minLength: 8, maxLength: 8 }).map(fromGroups),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((octets) => Uint8Array.from([...Array(10).fill(0), 255, 255, ...octets])),
);

function fromGroups(groups: readonly number[]): Uint8Array {
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

test("what is written can be read back, for every address", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      const text = formatIp(address);
      assert.notEqual(isIP(text), 0, text);
      assert.deepEqual(parseIp(text), address);
      assert.equal(readIp(text), text);
    }),
    { numRuns: 2000 },
  );
});

test("IPv6 is written as the URL standard's own writer does, which follows RFC 5952", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      const text = formatIp(address);
      if (text.includes(":")) assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`);
    }),
    { numRuns: 2000 },
  );
});

test("every spelling of an address has one canonical form", () => {
  const spelling = fc.tuple(addresses, fc.array(fc.nat({ max: 3 }), { minLength: 8, maxLength: 8 }), fc.boolean(), fc.boolean());
  fc.assert(
    fc.property(spelling, ([address, zeros, upper, dotted]) => {
      const groups = (Buffer.from(address).toString("hex").match(/.{4}/g) ?? []).map((group, index) =>
        Number.parseInt(group, 16)
          .toString(16)
          .padStart((zeros[index] ?? 0) + 1, "0"),
      );
      const written = dotted ? [...groups.slice(0, 6), address.subarray(12).join(".")] : groups;
      const text = upper ? written.join(":").toUpperCase() : written.join(":");
      assert.equal(readIp(text), formatIp(address), text);
    }),
    { numRuns: 2000 },
  );
});

test("the examples of RFC 4291 and RFC 5952", () => {
  const canonical: Readonly<Record<string, string>> = {
    "2001:DB8:0:0:8:800:200C:417A": "2001:db8::8:800:200c:417a",
    "FF01:0:0:0:0:0:0:101": "ff01::101",
    "0:0:0:0:0:0:0:1": "::1",
    "0:0:0:0:0:0:0:0": "::",
    "0:0:0:0:0:0:13.1.68.3": "::d01:4403",
    "::13.1.68.3": "::d01:4403",
    "2001:db8:0:1:1:1:1:1": "2001:db8:0:1:1:1:1:1",
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1",
    "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "2001:db8::": "2001:db8::",
    "1:2:3:4:5:6:7::": "1:2:3:4:5:6:7:0",
    "::2:3:4:5:6:7:8": "0:2:3:4:5:6:7:8",
  };
  for (const [text, expected] of Object.entries(canonical)) assert.equal(readIp(text), expected, text);
});

test("an IPv4-mapped address is the IPv4 address", () => {
  for (const text of ["::ffff:1.2.3.4", "::FFFF:0102:0304", "0:0:0:0:0:ffff:102:304", " 1.2.3.4 "])
    assert.equal(readIp(text), "1.2.3.4");
});

test("multicast, reserved and loopback addresses are addresses", () => {
  for (const text of ["224.0.0.1", "241.6.88.151", "127.96.0.101", "255.255.255.255", "0.0.0.0", "ff02::1"]) {
    assert.equal(readIp(text), text);
  }
});

test("what is not an address is refused", () => {
  const texts = [
    "", "unknown", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.00", "1..2.3", ".1.2.3.4", "1.2.3.4.", "0x1.2.3.4", "16909060",
    "1.2.3.4/24", "1.2.3.-4", "1.2.3.4:80", "1. 2.3.4", "１.2.3.4", ":", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4::5:6:7:8", ":1::", "1:", "1::2:", "12345::", "g::", "fe80::1%eth0", "2001:db8::/32",
    "[::1]", "::1.2.3", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "::1:2:3:4:5:6:7:1.2.3.4", "::01.2.3.4", "1.2.3.4::", "::ffff:1.2.3.4.5",
  ]; // prettier-ignore
  for (const text of texts) {
    assert.equal(parseIp(text), null, text);
    assert.deepEqual(readIp(text), { reason: "bad_format", expected: "an IP address", found: "text" });
  }
});

test("agrees with Node on what an address is, but for zones", () => {
  const alphabet = fc.constantFrom("0", "1", "9", "25", "255", "256", "a", "F", "ffff", ":", ":", "::", ".", ".", "1.2.3.4");
  const texts = fc.array(alphabet, { maxLength: 18 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(texts, (text) => assert.equal(parseIp(text) !== null, isIP(text) !== 0, text)),
    { numRuns: 20_000 },
  );
});

test("a long text is refused without reading it", () => {
  assert.equal(parseIp(`${"0:".repeat(500_000)}1`), null);
});
