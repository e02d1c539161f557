import assert from "node:assert/strict";
import { test } from "node:test";

import { cmac } from "@noble/ciphers/aes.js";

import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";

const domain = "user_logins.ip";
const vaultKey = testKey("vault", domain);

test("a token is AES-CMAC under a key that no other kind of mask has", () => {
  const values = ["203.0.113.77", "", "593-47-5928", "a text that is longer than one block of sixteen bytes"];
  const mask = createMask(maskDefinition({ kind: "vault", domain }), onlyKey(vaultKey));
  assert.deepEqual(
    mask.apply(values),
    values.map((value) => Buffer.from(cmac(Buffer.from(value), vaultKey.key)).toString("base64url")),
  );
  const other = createMask(maskDefinition({ kind: "cmac", domain }), onlyKey(testKey("cmac", domain)));
  assert.equal(other.apply(values).filter((token, index) => token === mask.apply(values)[index]).length, 0);
  assert.ok(!canOpen(mask), "the key alone gives nothing back");
});
