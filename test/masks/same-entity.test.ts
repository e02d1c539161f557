import assert from "node:assert/strict";
import { describe, test } from "node:test";

import * as fc from "fast-check";

import type { ColumnType } from "../../src/contract/column.ts";
import { formatIp } from "../../src/contract/ip.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { defaultEncoding } from "../../src/masks/encoding.ts";
import { column, compileContract, contract, incoming } from "../contract/contracts.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";

/** Something that events write in several ways, and two ways to write it. */
interface Entity {
  /** Equal for equal entities only. */
  readonly identity: string;
  readonly spellings: readonly unknown[];
}

/** The token of what an event carries, through the contract's own check, as a message would go. */
function tokenizer(kind: "siv" | "hmac", type: ColumnType): (sent: unknown) => string {
  const check = compileContract(contract([column("field", { type, masked: "canonical", required: true })]));
  const domain = `same.${type}`;
  const mask = createMask(maskDefinition({ kind, type, domain, encode: defaultEncoding(type) }), onlyKey(testKey(kind, domain)));
  return (sent) => {
    const checked = check(incoming(JSON.stringify({ field: sent })));
    if ("faults" in checked) return assert.fail(`${JSON.stringify(sent)}: ${checked.faults[0]?.reason}`);
    return mask.apply([checked.values[0] ?? assert.fail("no value")])[0] ?? assert.fail("no token");
  };
}

const spaced = (text: string): readonly string[] => [text, ` ${text}`, `${text}\n`, `\t${text} `];
const twoDigits = (number: number): string => String(number).padStart(2, "0");

const ipv4 = fc.ipV4().map((address): Entity => {
  const octets = address.split(".").map(Number) as [number, number, number, number];
  const hex = Buffer.from(octets).toString("hex");
  const mapped = [`::ffff:${address}`, `::FFFF:${hex.slice(0, 4)}:${hex.slice(4)}`, `0:0:0:0:0:ffff:${address}`];
  return { identity: octets.join("."), spellings: [...spaced(octets.join(".")), ...mapped] };
});

const ipv6 = fc
  .array(fc.oneof(fc.constant(0), fc.nat({ max: 0xffff })), { minLength: 8, maxLength: 8 })
  .filter((groups) => groups.slice(0, 5).some((group) => group !== 0))
  .map((groups): Entity => {
    const full = groups.map((group) => group.toString(16).padStart(4, "0")).join(":");
    const bytes = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
    const dotted = `${full.slice(0, 30)}${bytes.subarray(12).join(".")}`;
    return {
      identity: full,
      spellings: [...spaced(formatIp(bytes)), full, full.toUpperCase(), dotted, formatIp(bytes).toUpperCase()],
    };
  });

const uuid = fc.uuid().map((text): Entity => {
  const bare = text.replaceAll("-", "");
  return {
    identity: text,
    spellings: [
      ...spaced(text),
      text.toUpperCase(),
      bare,
      bare.toUpperCase(),
      `{${text}}`,
      `{${bare}}`,
      `urn:uuid:${text}`,
      `URN:UUID:${text}`,
    ],
  };
});

const names = fc.constantFrom(
  ["example.org", "EXAMPLE.org"],
  ["münchen.de", "MÜNCHEN.de", "mu\u0308nchen.de", "xn--mnchen-3ya.de", "XN--MNCHEN-3YA.DE"],
  ["пример.рф", "ПРИМЕР.РФ", "xn--e1afmkfd.xn--p1ai"],
  ["例え.jp", "例え。jp", "xn--r8jz45g.jp"],
);
const email = fc.tuple(fc.stringMatching(/^[a-zA-Zéñ]{1,12}(?:\.[0-9]{1,3})?$/), names).map(([local, hosts]): Entity => {
  const locals = [local.normalize("NFC"), local.normalize("NFD")];
  const spellings = hosts.flatMap((host) => locals.flatMap((name) => [...spaced(`${name}@${host}`), `${name}@${host}.`]));
  return { identity: `${local}@${hosts[0]}`, spellings };
});

const text = fc
  .oneof(fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }), fc.stringMatching(/^[a-zA-Zéöñçå]{1,10}$/))
  .map((value) => value.replaceAll("\0", "").normalize("NFC").trim())
  .filter((value) => value !== "")
  .map((value): Entity => ({
    identity: value,
    spellings: [...spaced(value), value.normalize("NFD"), ` ${value.normalize("NFD")}`],
  }));

const integer = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: -9, max: 9 })).map((number): Entity => ({
  identity: String(number),
  spellings: [number, String(number), ...(number === 0 ? ["-0", -0] : [])],
}));

const number = fc
  .tuple(fc.maxSafeInteger(), fc.nat({ max: 6 }))
  .map(([digits, places]) => digits / 10 ** places)
  .filter((value) => Math.abs(value) >= 1 || value === 0)
  .map((value): Entity => {
    const decimals = String(value);
    const zeros = decimals.includes(".") ? [`${decimals}0`, `${decimals}00`] : [`${decimals}.0`, `${decimals}.000`];
    return { identity: decimals, spellings: [value, decimals, ...zeros] };
  });

const instants = fc.date({ min: new Date("1980-01-02T00:00:00Z"), max: new Date("2200-01-01T00:00:00Z"), noInvalidDate: true });
const offsets = fc.integer({ min: -14 * 60, max: 14 * 60 });
const inOffset = (instant: Date, offset: number): string => {
  const local = new Date(instant.getTime() + offset * 60_000).toISOString().slice(0, -1);
  const minutes = Math.abs(offset);
  return `${local}${offset < 0 ? "-" : "+"}${twoDigits(Math.floor(minutes / 60))}:${twoDigits(minutes % 60)}`;
};
const timestamp = fc.tuple(instants, offsets).map(([instant, offset]): Entity => {
  const utc = instant.toISOString();
  const spellings = [
    utc,
    utc.toLowerCase(),
    utc.replace("T", " "),
    utc.replace("Z", "000Z"),
    utc.replace("Z", "+00:00"),
    utc.replace("Z", "-00:00"),
  ];
  return { identity: utc, spellings: [...spellings, inOffset(instant, offset), instant.getTime()] };
});
const date = fc.tuple(instants, offsets).map(([instant, offset]): Entity => {
  const day = instant.toISOString().slice(0, 10);
  return { identity: day, spellings: [day, instant.toISOString(), inOffset(instant, offset)] };
});

const entities: readonly (readonly [name: string, type: ColumnType, entity: fc.Arbitrary<Entity>])[] = [
  ["an IPv4 address", "ip", ipv4],
  ["an IPv6 address", "ip", ipv6],
  ["a UUID", "uuid", uuid],
  ["an e-mail address", "email", email],
  ["a text", "text", text],
  ["a whole number", "integer", integer],
  ["a number", "number", number],
  ["a point in time", "timestamp", timestamp],
  ["a day", "date", date],
];

for (const kind of ["siv", "hmac"] as const) {
  describe(`under ${kind}`, () => {
    for (const [name, type, entity] of entities) {
      const tokenOf = tokenizer(kind, type);
      test(`${name} has one token, however it is written`, () => {
        fc.assert(
          fc.property(entity, ({ spellings }) => {
            const [first, ...others] = spellings.map(tokenOf);
            for (const [index, other] of others.entries()) assert.equal(other, first, JSON.stringify(spellings[index + 1]));
          }),
        );
      });

      test(`${name} has a token of its own`, () => {
        fc.assert(
          fc.property(fc.array(entity, { minLength: 2, maxLength: 12 }), (several) => {
            const tokens = several.map(({ spellings }, index) => tokenOf(spellings[index % spellings.length]));
            assert.equal(new Set(tokens).size, new Set(several.map(({ identity }) => identity)).size);
          }),
        );
      });
    }

    test("what differs only a little differs: case of a text or local part, subdomains, an IPv4 address inside IPv6", () => {
      const pairs: readonly (readonly [ColumnType, unknown, unknown])[] = [
        ["text", "Ann", "ann"],
        ["text", "a b", "a  b"],
        ["text", "①", "1"],
        ["email", "Ann@example.org", "ann@example.org"],
        ["email", "ann+a@example.org", "ann@example.org"],
        ["email", "ann@example.org", "ann@www.example.org"],
        ["ip", "::13.1.68.3", "13.1.68.3"],
        ["ip", "64:ff9b::13.1.68.3", "13.1.68.3"],
        ["integer", 1, -1],
        ["integer", "9007199254740993", "9007199254740992"],
        ["number", "0.1", "0.10000000000000001"],
        ["timestamp", "2024-01-31T23:59:59.000001Z", "2024-01-31T23:59:59Z"],
        ["timestamp", "2024-01-31T23:59:59+01:00", "2024-01-31T23:59:59Z"],
        ["date", "2024-01-31T23:59:59-01:00", "2024-01-31"],
      ];
      for (const [type, left, right] of pairs) {
        const tokenOf = tokenizer(kind, type);
        assert.notEqual(tokenOf(left), tokenOf(right), JSON.stringify([left, right]));
      }
    });
  });
}
