import { createSecretKey } from "node:crypto";

import { MasklineError } from "../errors.ts";
import { type RootKey, rootKeyBytes } from "./keyset.ts";
import { KeyRing } from "./ring.ts";
import { createSealingKey } from "./sealing-key.ts";

/** What changes a ring. Each gives a new one; the old stays as it is until the new one is durable. `randomBytes` must be that of node:crypto outside of tests. */
type RandomBytes = (lengthBytes: number) => Buffer;

/** With a new root, which makes all tokens from now on; the others open theirs. */
export function addRoot(ring: KeyRing, randomBytes: RandomBytes): KeyRing {
  const taken = ring.roots.map(({ id }) => id);
  const root: RootKey = { id: freshId(taken, randomBytes), status: "ENABLED", key: createSecretKey(randomBytes(rootKeyBytes)) };
  return new KeyRing(root.id, [...ring.roots, root], ring.sealing);
}

/** With a new sealing key pair, which seals from now on; the others open what they sealed. */
export function addSealingKey(ring: KeyRing, randomBytes: RandomBytes): KeyRing {
  const id = freshId(
    ring.sealing.map((key) => key.id),
    randomBytes,
  );
  return new KeyRing(ring.primaryId, ring.roots, [createSealingKey(id, randomBytes), ...ring.sealing]);
}

/** Its tokens are not opened any more; the key is kept. @throws MasklineError `key_in_use` for the primary, `key_unknown` */
export function disableRoot(ring: KeyRing, id: number): KeyRing {
  return withRoot(ring, id, (root) => {
    if (root.status === "DESTROYED") throw gone(id);
    return { ...root, status: "DISABLED" };
  });
}

/** @throws MasklineError `key_unknown`, also for a destroyed key */
export function enableRoot(ring: KeyRing, id: number): KeyRing {
  return withRoot(ring, id, (root) => {
    if (root.status === "DESTROYED") throw gone(id);
    return { ...root, status: "ENABLED" };
  });
}

/** The key's bytes are gone from the ring for good; its id stays. @throws MasklineError `key_in_use` unless it is disabled, `key_unknown` */
export function destroyRoot(ring: KeyRing, id: number): KeyRing {
  return withRoot(ring, id, ({ status }) => {
    if (status === "ENABLED") {
      throw new MasklineError("key_in_use", `root key ${id} is enabled; only a disabled key can be destroyed`, {
        next: `maskline keys disable ${id}`,
      });
    }
    return { id, status: "DESTROYED" };
  });
}

/** @throws MasklineError `key_in_use` for the current one, `key_unknown` */
export function removeSealingKey(ring: KeyRing, id: number): KeyRing {
  if (!ring.sealing.some((key) => key.id === id)) throw missing(id);
  if (ring.sealing[0]?.id === id) {
    throw new MasklineError("key_in_use", `sealing key ${id} is the current one: refused messages are sealed under it`, {
      next: "maskline keys rotate --sealing",
    });
  }
  return new KeyRing(
    ring.primaryId,
    ring.roots,
    ring.sealing.filter((key) => key.id !== id),
  );
}

function withRoot(ring: KeyRing, id: number, change: (root: RootKey) => RootKey): KeyRing {
  if (!ring.roots.some((root) => root.id === id)) throw missing(id);
  if (id === ring.primaryId) {
    throw new MasklineError("key_in_use", `root key ${id} is the primary: new tokens are made with it`, {
      next: "maskline keys rotate makes another",
    });
  }
  return new KeyRing(
    ring.primaryId,
    ring.roots.map((root) => (root.id === id ? change(root) : root)),
    ring.sealing,
  );
}

function missing(id: number): MasklineError {
  return new MasklineError("key_unknown", `the ring has no key ${id}`, { next: "maskline keys list" });
}

function gone(id: number): MasklineError {
  return new MasklineError("key_unknown", `root key ${id} is destroyed: nothing of it is left`, { next: "maskline keys list" });
}

/** Not zero, which is what a forgotten id looks like, and other than all taken ones in the 28 bits that a token's first six characters show. */
function freshId(taken: readonly number[], randomBytes: RandomBytes): number {
  const id = randomBytes(4).readUInt32BE();
  return id === 0 || taken.some((other) => other >>> 4 === id >>> 4) ? freshId(taken, randomBytes) : id;
}
