import assert from "node:assert/strict";
import { createHash, createHmac, hash } from "node:crypto";
import { suite, test } from "node:test";

import { type AddressRange, type Guess, searchAddresses, someAddresses } from "../../bench/address-search.ts";
import { parseIp } from "../../src/contract/ip.ts";
import { bytesAt, joinBytes } from "../../src/masks/byte-column.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import type { Mask } from "../../src/masks/mask.ts";
import { createSivCipher, type SivCipher } from "../../src/masks/siv-cipher.ts";
import { load } from "../harness/configuration.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";

// A table of 1,000 addresses out of 65,536: what docs/why-not-sha256.md says of all 4.3 billion, on a range that a test can search.
const range: AddressRange = { first: 0xcb00_0000, count: 2 ** 16 };
const addresses = someAddresses(range, 1_000);
const allAddresses = 2 ** 32;
const domain = "login.ip";

/** A column as an attacker has it: the tokens, in no order and with nothing beside them. */
function column(mask: Mask): ReadonlySet<string> {
  return new Set(mask.apply(addresses).map((token) => token ?? assert.fail("no token")));
}

function legacyMask(options: string, environment: Readonly<Record<string, string>> = {}): Mask {
  const text = `columns: { masked_ip: { from: ip, type: ip, mask: { kind: sha256, insecure: true${options} } } }\n`;
  return createMask(load(text, { environment }).columns[0]?.mask ?? assert.fail("no mask"), null);
}

function keyedMask(kind: "siv" | "hmac", encode: "packed" | "text"): Mask {
  return createMask(maskDefinition({ kind, type: "ip", encode, domain }), onlyKey(testKey(kind, domain)));
}

suite("the tokens of a legacy column, without any key", () => {
  test("give back every address, in one pass over all there are", (t) => {
    const tokens = column(legacyMask(""));
    const startedMs = performance.now();
    const found = searchAddresses(tokens, range, (address) => hash("sha256", address));
    const perSecond = range.count / ((performance.now() - startedMs) / 1_000);
    assert.deepEqual([...found.values()].sort(), [...addresses].sort());
    t.diagnostic(
      `${Math.round(perSecond / 1_000)} thousand addresses/s here: all 2^32 in ${Math.round(allAddresses / perSecond / 60)} minutes`,
    );
  });

  for (const place of ["start", "end"] as const) {
    test(`give back every address with the salt that stands beside them, at the ${place}`, () => {
      const salt = "a long and random salt, 8c1f0e7b";
      const tokens = column(legacyMask(`, salt: "\${LEGACY_SALT}", salt_at: ${place}`, { LEGACY_SALT: salt }));
      const guess: Guess = (address) => hash("sha256", place === "start" ? salt + address : address + salt);
      assert.deepEqual([...searchAddresses(tokens, range, guess).values()].sort(), [...addresses].sort());
      assert.equal(searchAddresses(tokens, range, (address) => hash("sha256", address)).size, 0, "without it they do not");
    });
  }
});

suite("the tokens of a keyed column, without the key", () => {
  /** All keys of a kind that someone without the key may try. */
  const guessedKeys = (lengthBytes: number): readonly Buffer[] => [
    Buffer.alloc(lengthBytes),
    Buffer.alloc(lengthBytes, 0xff),
    Buffer.alloc(lengthBytes, domain),
    Buffer.alloc(lengthBytes, "secret"),
    Buffer.alloc(lengthBytes, createHash("sha256").update(domain).digest()),
    // the key of another domain under the same root: one column's key opens no other
    Buffer.from(testKey(lengthBytes === 64 ? "siv" : "hmac", "login.device_id").key),
  ];
  const inputs = (address: string): readonly Uint8Array[] => [Buffer.from(address), parseIp(address) ?? assert.fail("no address")];

  const guesses: Readonly<Record<string, (address: string) => readonly Buffer[]>> = {
    "plain SHA-256": (address) => inputs(address).map((input) => createHash("sha256").update(input).digest()),
    "SHA-256 salted with the domain": (address) =>
      inputs(address).flatMap((input) => [
        createHash("sha256").update(domain).update(input).digest(),
        createHash("sha256").update(input).update(domain).digest(),
      ]),
    "HMAC-SHA256 under guessed keys": (address) =>
      guessedKeys(32).flatMap((key) => inputs(address).map((input) => createHmac("sha256", key).update(input).digest())),
  };
  const guessedCiphers = guessedKeys(64).map((key) => createSivCipher(key, Buffer.from(domain)));

  /** What of a token an attacker compares: all of it, and the part that depends on the address. Each as the bytes it stands for. */
  const views = (token: string): readonly string[] => {
    const bytes = Buffer.from(token, "base64url");
    return [bytes, bytes.subarray(5), bytes.subarray(5, 21), bytes.subarray(21)].map((view) => view.toString("hex"));
  };
  /** What of a digest a token might hold. */
  const cuts = (digest: Buffer): readonly string[] => [digest.toString("hex"), digest.toString("hex", 0, 16)];

  const sealed = (cipher: SivCipher, address: string): readonly string[] =>
    inputs(address).map((input) => {
      const { sivs, ciphertexts } = cipher.seal(joinBytes([input]));
      return Buffer.concat([sivs, bytesAt(ciphertexts, 0)]).toString("hex");
    });

  for (const kind of ["siv", "hmac"] as const) {
    for (const encode of ["packed", "text"] as const) {
      const tokens = new Set([...column(keyedMask(kind, encode))].flatMap(views));
      for (const [name, digests] of Object.entries(guesses)) {
        test(`${kind}, ${encode}: ${name} finds no address`, () => {
          // the addresses of the table are the only ones that could be found: trying others as well would prove nothing more
          const found = addresses.filter((address) =>
            digests(address).some((digest) => cuts(digest).some((cut) => tokens.has(cut))),
          );
          assert.deepEqual(found, []);
        });
      }
      test(`${kind}, ${encode}: AES-SIV under guessed keys finds no address`, () => {
        const found = addresses.filter((address) =>
          guessedCiphers.some((cipher) => sealed(cipher, address).some((guess) => tokens.has(guess))),
        );
        assert.deepEqual(found, []);
      });
      test(`${kind}, ${encode}: the comparison would have found them, had the key been among the guesses`, () => {
        const { key } = testKey(kind, domain);
        const found = addresses.filter((address) => {
          if (kind === "siv") return sealed(createSivCipher(key, Buffer.from(domain)), address).some((guess) => tokens.has(guess));
          const digests = inputs(address).map((input) => createHmac("sha256", key).update(input).digest());
          return digests.some((digest) => cuts(digest).some((cut) => tokens.has(cut)));
        });
        assert.deepEqual(found, addresses);
      });
    }

    test(`${kind}: whoever holds the key finds them all by trying, as with the legacy column`, () => {
      const mask = keyedMask(kind, "packed");
      const found = searchAddresses(column(mask), range, (address) => mask.apply([address])[0] ?? "");
      assert.deepEqual([...found.values()].sort(), [...addresses].sort());
    });

    test(`${kind}: tokens whose address is known tell those addresses' rows, and no other's`, () => {
      const mask = keyedMask(kind, "packed");
      const [known, unknown] = [addresses.slice(0, 100), addresses.slice(100)];
      const book = new Map(mask.apply(known).map((token, index) => [token, known[index]]));
      // equality is kept on purpose: a row of a known address is recognised
      assert.deepEqual(
        mask.apply(known).map((token) => book.get(token)),
        known,
      );
      assert.deepEqual(
        mask.apply(unknown).flatMap((token) => book.get(token) ?? []),
        [],
      );
    });
  }
});
