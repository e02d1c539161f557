import { createSecretKey } from "node:crypto";

import { formatIp } from "../../src/contract/ip.ts";
import { gcmNonceBytes, openGcm } from "../../src/keys/aes-gcm.ts";
import type { SealingKey } from "../../src/keys/sealing-key.ts";
import { receiveExport, unseal, UnsealError } from "../../src/keys/sealing.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, maskFacts, maskKinds } from "../../src/masks/mask.ts";
import { tokenPrefix } from "../../src/masks/token.ts";

/**
 * Everything that a token opens to under stolen keys: each key of the right length, in each kind of mask that opens, for each way to read the
 * token as one of that kind.
 * @param keyId the root that tokens of this ring name
 */
export function openedBy(keys: readonly Buffer[], token: string, domain: string, keyId: number): readonly string[] {
  const opened = new Set<string>();
  for (const kind of maskKinds.filter((one) => maskFacts[one].reversible)) {
    const { keyLengthBytes, types } = maskFacts[kind];
    for (const type of types.filter((one) => one === "text" || one === "ip")) {
      const definition = { kind, domain, type, encode: type === "ip" ? "packed" : "text", key: null, settings: {} } as const;
      for (const key of keys.filter(({ length }) => length === keyLengthBytes)) {
        const domainKey = { id: keyId, key };
        const mask = createMask(definition, { primary: domainKey, known: [domainKey] });
        if (!canOpen(mask)) continue;
        for (const one of mask.open(formsOf(token, keyId))) if ("value" in one) opened.add(one.value);
      }
    }
  }
  return [...opened];
}

/** A token as it is, as one that says its key, and as an address, where it has as many bytes: so that a kind does not refuse its form. */
function formsOf(token: string, keyId: number): readonly string[] {
  const bytes = Buffer.from(token, "base64url");
  return [token, tokenPrefix(keyId) + token, ...(bytes.length === 16 ? [formatIp(bytes)] : [])];
}

/** Everything that a sealed body opens to under stolen keys: each as the private key of the pair, and as the body's own key. */
export async function unsealedBy(
  keys: readonly Buffer[],
  pair: SealingKey,
  body: Buffer,
  at: readonly string[],
): Promise<readonly string[]> {
  const opened = new Set<string>();
  for (const key of keys.flatMap(ofKeyLength)) {
    try {
      opened.add(Buffer.from(await unseal([{ ...pair, privateKey: createSecretKey(key) }], body, at)).toString());
    } catch (error) {
      if (!(error instanceof UnsealError)) throw error;
    }
    const direct = openGcm(key, Buffer.alloc(gcmNonceBytes), Buffer.from(JSON.stringify(at)), body.subarray(bodyStart));
    if (direct !== null) opened.add(direct.toString());
  }
  return [...opened];
}

/** Where the ciphertext begins: behind version, key id, index and encapsulated key (keys/sealing.ts). */
const headBytes = 1 + 4 + 4;
const bodyStart = headBytes + 32;

/** A longer key may be two. */
function ofKeyLength(key: Buffer): readonly Buffer[] {
  return key.length === 64 ? [key.subarray(0, 32), key.subarray(32)] : key.length === 32 ? [key] : [];
}

/** The key of one sealed body, as only the private key of the pair gives it. */
export async function ownKeyOf({ publicKey, privateKey }: SealingKey, body: Buffer): Promise<Buffer> {
  const purpose = Buffer.from("maskline/seal/v1");
  const context = Buffer.concat([purpose, body.subarray(1 + 4, headBytes)]);
  const halves = { publicKey, privateKey: privateKey?.export() ?? new Uint8Array() };
  const key = await receiveExport(halves, body.subarray(headBytes, bodyStart), purpose, context);
  return Buffer.from(key ?? []);
}
