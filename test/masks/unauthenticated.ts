import { createCipheriv } from "node:crypto";

import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, canRecognise, type DomainKeys, type MaskDefinition, type ReversibleMask } from "../../src/masks/mask.ts";
import { maskDefinition, onlyKey, testKey } from "./masks.ts";

/** A mask that opens every token of its form, and knows none as its own. */
export function createUnauthenticated(definition: MaskDefinition, keys: DomainKeys): ReversibleMask {
  const mask = createMask(definition, keys);
  if (!canOpen(mask) || canRecognise(mask)) throw new TypeError(`${definition.kind} is not what it was taken for`);
  return mask;
}

export function createFf1(settings: MaskDefinition["settings"] = {}): ReversibleMask {
  return createUnauthenticated(maskDefinition({ kind: "ff1", settings }), onlyKey(testKey("ff1", "d")));
}

export function createAddressMask(kind: "ipcrypt" | "ipcrypt-pfx", key: Uint8Array = testKey(kind, "d").key): ReversibleMask {
  return createUnauthenticated(maskDefinition({ kind, type: "ip" }), onlyKey({ id: 1, key }));
}

/** Bytes that look random, the same ones in every run: a failure can be looked at again. */
export function evenBytes(length: number): Buffer {
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Masks a long column in batches, as the pipeline does, and opens it again. Fails where a value does not come back. */
export function maskAndOpen(mask: ReversibleMask, values: readonly string[], batchSize: number = 1_000): string[] {
  const all: string[] = [];
  for (let start = 0; start < values.length; start += batchSize) {
    const batch = values.slice(start, start + batchSize);
    const tokens = mask.apply(batch);
    mask.open(tokens).forEach((opened, index) => {
      if (!("value" in opened) || opened.value !== batch[index]) throw new Error(`${batch[index]} does not come back`);
    });
    all.push(...tokens);
  }
  return all;
}
