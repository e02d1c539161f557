import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";

import { cmac } from "@noble/ciphers/aes.js";
import fc from "fast-check";

import { auditKeys, auditPublicKeys, verifySignature } from "../../src/keys/audit-keys.ts";
import { deriveRecoveryKey } from "../../src/keys/derive.ts";
import { createKeyRing } from "../../src/keys/ring.ts";

suite("what the audit is kept with", () => {
  const ring = createKeyRing(randomBytes);
  const keys = auditKeys(ring);
  const root = ring.roots.find(({ id }) => id === ring.primaryId);
  assert.ok(keys !== null && root !== undefined && root.status === "ENABLED");

  test("tokens are hashed as another implementation of CMAC does, many at once or one by one", () => {
    const key = deriveRecoveryKey(root.key, "auditToken");
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 30 }), (domain, tokens) => {
        const expected = tokens.map((token) => Buffer.from(cmac(Buffer.from(JSON.stringify([domain, token])), key)));
        assert.deepEqual(keys.hashTokens(domain, tokens), expected);
        assert.deepEqual(keys.hashToken(domain, tokens[0] as string), expected[0]);
      }),
    );
  });

  test("no list has no hashes", () => assert.deepEqual(keys.hashTokens("login.ip", []), []));

  test("a domain and a token are told apart wherever one ends and the other begins, and so are two rings", () => {
    assert.notDeepEqual(keys.hashToken("a", "bc"), keys.hashToken("ab", "c"));
    assert.notDeepEqual(keys.hashToken('a","b', "c"), keys.hashToken("a", 'b","c'));
    assert.notDeepEqual(auditKeys(createKeyRing(randomBytes)).hashToken("a", "b"), keys.hashToken("a", "b"));
  });

  test("the public key of the ring checks what it signs, and nothing else", () => {
    const [{ keyId, publicKey } = { keyId: null, publicKey: Buffer.alloc(0) }] = auditPublicKeys(ring);
    const hash = randomBytes(32);
    const signature = keys.sign(hash);
    assert.equal(keyId, ring.primaryId);
    assert.ok(verifySignature(publicKey, hash, signature));
    assert.ok(!verifySignature(publicKey, randomBytes(32), signature));
    assert.ok(!verifySignature(randomBytes(32), hash, signature));
  });
});
