import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { MasklineError } from "../../src/errors.ts";
import { addRoot, addSealingKey, destroyRoot, disableRoot, enableRoot, removeSealingKey } from "../../src/keys/ring-changes.ts";
import { parseKeyRing, serializeKeyRing } from "../../src/keys/ring.ts";
import { newRing, ringOf, root } from "./rings.ts";

function refuses(code: MasklineError["code"], next: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof MasklineError);
    assert.equal(error.code, code);
    assert.match(error.next ?? "", next);
    return true;
  };
}

test("a new root is the primary and stands last; the ring it came from is as it was", () => {
  const ring = newRing();
  const before = serializeKeyRing(ring);
  const next = addRoot(ring, randomBytes);
  assert.equal(serializeKeyRing(ring), before);
  assert.deepEqual(
    next.keys.map(({ id }) => id),
    [ring.primaryId, next.primaryId],
  );
  assert.deepEqual(next.sealing, ring.sealing);
  assert.deepEqual(parseKeyRing(serializeKeyRing(next)).toJSON(), next.toJSON());
});

test("its id is not zero and differs from all others in the characters that a token shows", () => {
  const ids = [0, 0x1234_5675, 0xabcd_ef00];
  let drawn = 0;
  const random = (length: number): Buffer => {
    if (length !== 4) return randomBytes(length);
    const id = Buffer.alloc(4);
    id.writeUInt32BE(ids[drawn++] ?? 0);
    return id;
  };
  assert.equal(addRoot(ringOf(root(0x1234_5678)), random).primaryId, 0xabcd_ef00);
});

test("a root goes from enabled to disabled and back, or on to destroyed; its id stays", () => {
  const ring = ringOf(root(0x100), root(0x200));
  const disabled = disableRoot(ring, 0x200);
  assert.equal(disabled.keys[1]?.status, "DISABLED");
  assert.equal(serializeKeyRing(enableRoot(disabled, 0x200)), serializeKeyRing(ring), "not a byte is lost");
  const destroyed = destroyRoot(disabled, 0x200);
  assert.deepEqual(destroyed.roots[1], { id: 0x200, status: "DESTROYED" });
  const key = serializeKeyRing(ring).match(/"value": "([^"]+)"/g)?.[1] ?? "none";
  assert.doesNotMatch(serializeKeyRing(destroyed), new RegExp(key.slice(0, 30).replaceAll(/[+/]/g, ".")));
  assert.throws(() => enableRoot(destroyed, 0x200), refuses("key_unknown", /keys list/));
  assert.throws(() => disableRoot(destroyed, 0x200), refuses("key_unknown", /keys list/));
});

test("the primary, an enabled root and an unknown one are refused, with what to type", () => {
  const ring = ringOf(root(0x100), root(0x200));
  for (const change of [disableRoot, destroyRoot]) {
    assert.throws(() => change(ring, 0x100), refuses("key_in_use", /keys rotate/));
    assert.throws(() => change(ring, 0x300), refuses("key_unknown", /keys list/));
  }
  assert.throws(() => destroyRoot(ring, 0x200), refuses("key_in_use", /keys disable 512/));
});

test("a new sealing key comes first; an older one can be removed, the current one cannot", () => {
  const ring = newRing();
  const old = ring.sealing[0]?.id ?? 0;
  const next = addSealingKey(ring, randomBytes);
  const current = next.sealing[0]?.id ?? 0;
  assert.deepEqual(
    next.sealing.map(({ id }) => id),
    [current, old],
  );
  assert.notEqual(current, old);
  assert.throws(() => removeSealingKey(next, current), refuses("key_in_use", /keys rotate --sealing/));
  assert.throws(() => removeSealingKey(next, 77), refuses("key_unknown", /keys list/));
  assert.deepEqual(
    removeSealingKey(next, old).sealing.map(({ id }) => id),
    [current],
  );
});
