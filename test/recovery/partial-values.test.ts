import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { columnTypes } from "../../src/contract/column.ts";
import { formatIp, parseIp } from "../../src/contract/ip.ts";
import { hidden, partialOf, partialRules } from "../../src/recovery/partial-values.ts";

const one = (value: string, type: Parameters<typeof partialOf>[1]): string => partialOf([value], type)[0] ?? "";

suite("a partial reveal never shows more than its table promises", () => {
  test("of an address the network: every address of it shows the same", () => {
    const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(4), fc.nat(255), (address, other) => {
        const text = [...address].join(".");
        const neighbour = [...address.subarray(0, 3), other].join(".");
        assert.equal(one(text, "ip"), one(neighbour, "ip"));
        assert.match(one(text, "ip"), /^\d+\.\d+\.\d+\.0\/24$/);
      }),
    );
    fc.assert(
      fc.property(bytes(16), bytes(10), (address, rest) => {
        // IPv4-mapped addresses are IPv4
        fc.pre(address.subarray(0, 6).some((byte) => byte !== 0));
        fc.pre(address[0] !== 0x20 || address[1] !== 0x02);
        const neighbour = Uint8Array.from([...address.subarray(0, 6), ...rest]);
        assert.equal(one(formatIp(address), "ip"), one(formatIp(neighbour), "ip"));
        const [network = "", length] = one(formatIp(address), "ip").split("/");
        assert.equal(length, "48");
        assert.deepEqual(parseIp(network)?.subarray(6), new Uint8Array(10));
      }),
    );
  });

  test("of a 6to4 address no more than of the IPv4 address in it", () => {
    assert.equal(one("2002:cb00:7107:1::9", "ip"), "2002:cb00:7100::/40");
    assert.equal(one("2002:cb00:71ff::", "ip"), "2002:cb00:7100::/40");
    assert.equal(one("203.0.113.7", "ip"), "203.0.113.0/24");
  });

  test("of a text four characters at the end, and of one below eight nothing, not even its length", () => {
    for (const type of ["text", "integer", "uuid"] as const) {
      fc.assert(
        fc.property(fc.array(fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }), { maxLength: 30 }), (graphemes) => {
          const value = graphemes.join("");
          const characters = Array.from(value);
          const expected = characters.length < 8 ? hidden : `${hidden}${characters.slice(-4).join("")}`;
          assert.equal(one(value, type), expected);
        }),
      );
    }
  });

  test("of an e-mail address its domain", () => {
    fc.assert(
      fc.property(fc.emailAddress(), fc.emailAddress(), (address, other) => {
        const domain = address.slice(address.lastIndexOf("@"));
        assert.equal(one(address, "email"), `${hidden}${domain}`);
        assert.equal(one(`${other.slice(0, other.lastIndexOf("@"))}${domain}`, "email"), one(address, "email"));
      }),
    );
  });

  test("of every other type nothing", () => {
    const silent = columnTypes.filter((type) => partialRules[type].by === "nothing");
    assert.deepEqual([...silent].sort(), ["boolean", "date", "json", "number", "timestamp", "version"]);
    for (const type of silent) assert.deepEqual(partialOf(["1987-06-05", "12.34567890123"], type), [hidden, hidden]);
  });
});
