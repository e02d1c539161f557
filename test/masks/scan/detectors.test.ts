import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { formatIp } from "../../../src/contract/ip.ts";
import { isLuhnValid } from "../../../src/masks/scan/luhn.ts";
import { found, missedEdges, samples, scanAll } from "./findings.ts";

type Cases = Readonly<Record<string, readonly string[]>>;

function holds(cases: Cases): void {
  for (const [text, expected] of Object.entries(cases)) assert.deepEqual(found(text), expected, text);
}

suite("in a text", () => {
  test("IPv4 addresses are found with what people write around them", () => {
    holds({
      "login from 203.0.113.7.": ["ip 203.0.113.7"],
      "203.0.113.7:8080 [203.0.113.7] (203.0.113.7), 203.0.113.7/24": Array.from({ length: 4 }, () => "ip 203.0.113.7"),
      "http://203.0.113.7/x?y=203.0.113.8#z": ["ip 203.0.113.7", "ip 203.0.113.8"],
      "10.0.0.1-10.0.0.9 and 10.0.0.1..10.0.0.9": ["ip 10.0.0.1", "ip 10.0.0.9", "ip 10.0.0.1", "ip 10.0.0.9"],
      "ip_203.0.113.7_x ...203.0.113.7...": ["ip 203.0.113.7", "ip 203.0.113.7"],
      "地址是203.0.113.7，谢谢": ["ip 203.0.113.7"],
      "padded 192.168.001.010": ["ip 192.168.1.10"],
    });
  });

  test("numbers with more or fewer parts, larger parts or letters beside them are no IPv4 addresses", () => {
    holds({
      "1.2.3.4.5 and 1.2.3 and 10.2.3.4567 and 256.1.1.1 and 1.2.3.4.5.6.7.8": [],
      "v10.2.3.4 10.2.3.4b x1.2.3.4 1234.1.2.3.4": [],
      "31.01.2024.5 1..2.3.4 1.2.3.": [],
    });
  });

  test("IPv6 addresses are found in every form, with labels, ports, zones and brackets", () => {
    holds({
      "ip:2001:DB8::1: timeout": ["ip 2001:db8::1"],
      "src:fe80::1%eth0 [2001:db8::1]:443": ["ip fe80::1", "ip 2001:db8::1"],
      "::1 and 1:0:0:0:0:0:0:8 and fe80::": ["ip ::1", "ip 1::8", "ip fe80::"],
      "::ffff:203.0.113.7 64:ff9b::203.0.113.7.": ["ip 203.0.113.7", "ip 64:ff9b::cb00:7107"],
      "::ffff:203.0.113.7:8080": ["ip 203.0.113.7"],
      "2001:db8:1:2:3:4:5:6:443 add:2001:db8:1:2:3:4:5:6": ["ip 2001:db8:1:2:3:4:5:6", "ip 2001:db8:1:2:3:4:5:6"],
      "ip=2001:db8::1/64;via 2001:db8::2.": ["ip 2001:db8::1", "ip 2001:db8::2"],
    });
  });

  test("times, MAC addresses, fingerprints and scopes of a program are no IPv6 addresses", () => {
    holds({
      "at 12:30:45 or 2024-01-31T23:59:59Z, ratio 16:9": [],
      "00:1a:2b:3c:4d:5e 16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48": [],
      "std::vector Foo::Bar :: x ::: a:b c:d:e 1:2:3:4:5:6:7": [],
      "2001:db8::1g 2001:db8::g1 12345::1": [],
    });
  });

  test("e-mail addresses are found in their canonical form", () => {
    holds({
      "mail Ann.Lee@Example.COM.": ["email Ann.Lee@example.com"],
      "'ann@example.com', <ann@example.com> (ann@example.com) mailto:ann@example.com": Array.from(
        { length: 4 },
        () => "email ann@example.com",
      ),
      "o'brien@example.com mail=ann+tag@example.com": ["email o'brien@example.com", "email ann+tag@example.com"],
      "k\u00e4the@m\u00fcller.de": ["email k\u00e4the@xn--mller-kva.de"],
      "邮箱ann@example.com谢谢": ["email ann@example.com"],
      "wait...ann@example.com... -ann@example.com": ["email ann@example.com", "email ann@example.com"],
      "ann@example.com.1 ann@example.com.": ["email ann@example.com", "email ann@example.com"],
      "a@b.co@c.co a@b.co+x@y.co": ["email a@b.co", "email a@b.co", "email +x@y.co"],
      "https://ann:secret@example.com/": ["email secret@example.com"],
    });
  });

  test("an address that the contract would refuse is found too, as it stands", () => {
    holds({
      "ann.@example.co.jp ann@my_host.Example.com": ["email ann.@example.co.jp", "email ann@my_host.example.com"],
      [`${"a".repeat(70)}@example.com`]: [`email ${"a".repeat(70)}@example.com`],
    });
  });

  test("handles, hosts without a dot and addresses behind an @ are no e-mail addresses", () => {
    holds({
      "@ann hi @ 5, root@localhost, 3@2, a@b.c, x@.com, @example.com": [],
      "@@@@ a@@b.com": [],
      "root@203.0.113.7 ann@1.2": ["ip 203.0.113.7"],
    });
  });

  test("UUIDs are found with hyphens, of any version and case, in names too", () => {
    const uuid = samples.uuid;
    holds({
      [uuid.toUpperCase()]: [`uuid ${uuid}`],
      [`{${uuid}} urn:uuid:${uuid} user-${uuid}-x ${uuid}-${uuid}`]: Array.from({ length: 5 }, () => `uuid ${uuid}`),
      [uuid.replaceAll("-", "")]: [],
      [`${uuid}0 0${uuid} ${uuid.slice(0, -1)} ${uuid.slice(0, -1)}g`]: [],
    });
  });

  test("numbers of the form NNN-NN-NNNN are found, also with typographic hyphens", () => {
    holds({
      "ssn 593-47-5928, (593-47-5928)": ["ssn-shape 593-47-5928", "ssn-shape 593-47-5928"],
      "593\u201147\u20115928 593\u201347\u20135928": ["ssn-shape 593-47-5928", "ssn-shape 593-47-5928"],
      "593-47-59281 1593-47-5928 1-593-47-5928 593-47-5928-1 a593-47-5928 593-475-928 593 47 5928": [],
    });
  });

  test("card numbers are found by their check digit, in one run or in groups of one kind", () => {
    holds({
      "4111111111111111 4111 1111 1111 1111, 4111-1111-1111-1111.": Array.from({ length: 3 }, () => "card 4111111111111111"),
      "378282246310005 3782 822463 10005": ["card 378282246310005", "card 378282246310005"],
      "4111\u00a01111\u00a01111\u00a01111": ["card 4111111111111111"],
      "4111 1111 1111 1111 123 12/27": ["card 4111111111111111"],
      "12 4111 1111 1111 1111": ["card 4111111111111111"],
      "4222222222222 6304000000000000000": ["card 4222222222222", "card 6304000000000000000"],
    });
  });

  test("other long numbers are no card numbers", () => {
    holds({
      "4111111111111112 411111111111111111111 4111 1111-1111 1111 4111  1111  1111  1111": [],
      "3.4111111111111111 x4111111111111111 4111111111111111x": [],
      "1-4111-1111-1111-1111 2024-01-31 10-20-30": [],
    });
  });
});

test("the leftmost finding counts, of those the longest", () => {
  holds({
    [`${samples.uuid}@example.com`]: [`email ${samples.uuid}@example.com`],
    "2001:db8::1-ann@example.com": ["ip 2001:db8::1", "email ann@example.com"],
    "203.0.113.7-ann@example.com": ["email 203.0.113.7-ann@example.com"],
    "::ffff:203.0.113.7": ["ip 203.0.113.7"],
    "203.0.113.7::1": ["ip 203.0.113.7"],
  });
});

test("findings are in order, apart from one another, and never part of a character", () => {
  const piece = fc.oneof(
    fc.constantFrom(...Object.values(samples), "::1", "@", ".", ":", "-", " ", "{{pii:", "\u{1f600}", "a", "1"),
    fc.string({ unit: "binary", maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      let last = 0;
      for (const { start, end, value } of scanAll(text)) {
        assert.ok(start >= last && end > start && end <= text.length);
        assert.ok(text.slice(start, end).isWellFormed() && value !== "");
        last = end;
      }
    }),
    { numRuns: 2_000 },
  );
});

test("addresses of every spelling are found between borders, in the canonical form of a column", () => {
  const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => formatIp(bytes));
  const full = fc
    .array(fc.integer({ min: 0, max: 0xffff }), { minLength: 8, maxLength: 8 })
    .map((groups) => groups.map((group) => group.toString(16).padStart(4, "0").toUpperCase()).join(":"));
  fc.assert(
    fc.property(fc.oneof(address, fc.ipV4(), full), fc.constantFrom(" ", "(", '"', "=", "/", ""), (shown, border) => {
      const [finding, ...others] = scanAll(`from${border || " "}${shown}${border}`);
      assert.equal(others.length, 0);
      assert.equal(finding?.kind, "ip");
      assert.equal(found(finding?.value ?? "")[0], `ip ${finding?.value}`, "a canonical value is found as itself");
    }),
    { numRuns: 500 },
  );
});

test("no edge of a text hides a value; scanners that skip the first or last character are caught", () => {
  assert.deepEqual(missedEdges(scanAll), []);
  assert.notDeepEqual(
    missedEdges((text) => scanAll(text.slice(0, -1))),
    [],
  );
  assert.notDeepEqual(
    missedEdges((text) => scanAll(text).filter(({ start }) => start > 0)),
    [],
  );
  assert.notDeepEqual(
    missedEdges((text) => scanAll(text).filter(({ end }) => end < text.length)),
    [],
  );
  assert.notDeepEqual(
    missedEdges((text) => scanAll(text).slice(0, 1)),
    [],
  );
});

test("texts made to be slow are finished: a megabyte of each", () => {
  const megabyte = (piece: string): string => piece.repeat(Math.ceil(2 ** 20 / piece.length));
  const counts = [
    "@",
    "a@",
    ":",
    "1:",
    "a:a::",
    "1.",
    "1.1.1.1.",
    ".",
    "-",
    "1-",
    "1111-",
    "1 ",
    "1111 ",
    "4",
    "a..@",
    "f",
    "x@y.",
    "@1.1.1.1:",
  ].map((piece) => scanAll(megabyte(piece)).length);
  assert.ok(counts.every((count) => count < 2 ** 18));
  assert.equal(scanAll(`${megabyte("a")}@example.com`).length, 1);
});

test("the check digit of a number is right for one last digit of ten", () => {
  for (const valid of ["4111111111111111", "378282246310005", "79927398713", "0"]) assert.ok(isLuhnValid(valid), valid);
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{1,18}$/), (digits) => {
      const valid = Array.from({ length: 10 }, (_, last) => isLuhnValid(`${digits}${last}`));
      assert.equal(valid.filter(Boolean).length, 1);
    }),
  );
});
