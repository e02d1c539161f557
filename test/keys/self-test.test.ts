import assert from "node:assert/strict";
import { test } from "node:test";

import { UnsealError } from "../../src/keys/sealing.ts";
import { type SealingPrimitives, sealingPrimitives, sealingSelfTest } from "../../src/keys/self-test.ts";

test("sealing passes on this runtime", async () => {
  await sealingSelfTest();
});

const { sealGcm, openGcm, receiveExport, openSealingContext, unseal } = sealingPrimitives;

/** The last byte of an answer, changed. */
function flipped<T extends Uint8Array | null>(bytes: T): T {
  return bytes?.fill((bytes.at(-1) ?? 0) ^ 1, -1) as T;
}

const broken: readonly { what: string; named: RegExp; parts: Partial<SealingPrimitives> }[] = [
  { what: "a cipher that seals wrongly", named: /AES-256-GCM/u, parts: { sealGcm: (...a) => flipped(sealGcm(...a)) } },
  { what: "a cipher that opens wrongly", named: /AES-256-GCM/u, parts: { openGcm: (...a) => flipped(openGcm(...a)) } },
  { what: "a cipher that opens nothing", named: /AES-256-GCM/u, parts: { openGcm: () => null } },
  { what: "a cipher that opens forgeries", named: /AES-256-GCM/u, parts: { openGcm: (...a) => openGcm(...a) ?? Buffer.alloc(1) } },
  {
    what: "a cipher that leaves out what is associated",
    named: /AES-256-GCM/u,
    parts: { sealGcm: (key, nonce, _associated, plaintext) => sealGcm(key, nonce, new Uint8Array(), plaintext) },
  },
  {
    what: "an HPKE that exports another secret",
    named: /HPKE/u,
    parts: { receiveExport: async (...a) => flipped(await receiveExport(...a)) },
  },
  { what: "an HPKE that decapsulates nothing", named: /HPKE/u, parts: { receiveExport: async () => Promise.resolve(null) } },
  {
    what: "a runtime without X25519",
    named: /HPKE/u,
    parts: { receiveExport: async () => Promise.reject(new Error("unsupported")) },
  },
  {
    what: "bodies that open to something else",
    named: /sealing .* sealed before/u,
    parts: { unseal: async (...a) => flipped(await unseal(...a)) },
  },
  {
    what: "bodies that do not open",
    named: /sealing .* sealed before/u,
    parts: { unseal: async () => Promise.reject(new UnsealError("not_authentic", 1)) },
  },
  {
    what: "forged bodies that open",
    named: /sealing .* sealed before/u,
    parts: { unseal: async (...a) => unseal(...a).catch(() => new Uint8Array(1)) },
  },
  {
    what: "bodies that cannot be opened again",
    named: /sealing .* given to seal/u,
    parts: {
      openSealingContext: async (key) => {
        const context = await openSealingContext(key);
        return { seal: async (...a) => flipped(await context.seal(...a)) };
      },
    },
  },
  {
    what: "bodies that are not sealed at all",
    named: /sealing .* given to seal/u,
    parts: { openSealingContext: async () => Promise.resolve({ seal: async (plaintext) => Promise.resolve(plaintext) }) },
  },
];

for (const { what, named, parts } of broken) {
  test(`refuses ${what}, and names it`, async () => {
    await assert.rejects(sealingSelfTest({ ...sealingPrimitives, ...parts }), { code: "self_test_failed", message: named });
  });
}
