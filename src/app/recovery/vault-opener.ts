import type { KeyRing } from "../../keys/ring.ts";
import { unseal, UnsealError } from "../../keys/sealing.ts";
import type { MaskDefinition, Opened } from "../../masks/mask.ts";
import { vaultPlace } from "../../pipeline/vault.ts";
import type { Database } from "../../postgres/database.ts";
import { readOriginals } from "../../postgres/recovery/originals.ts";
import type { Opener } from "../../recovery/opener.ts";

/**
 * Opens the tokens of a vault mask by their sealed originals. A token that the vault does not have, or does not have any more since its last
 * subject was erased, is `no_original`: which of the two is not kept.
 * @param ring holds the private sealing key; with any other a token is `unknown_key`
 */
export function openVault(
  database: Database,
  schema: string,
  ring: Pick<KeyRing, "sealing">,
  definition: Pick<MaskDefinition, "domain">,
): Opener {
  const { domain } = definition;
  if (domain === null) throw new TypeError("a vault mask has a domain");
  return {
    async open(tokens) {
      const originals = await readOriginals(database, schema, domain, tokens);
      return Promise.all(
        tokens.map(async (token): Promise<Opened> => {
          const sealed = originals.get(token);
          return sealed === undefined ? { failure: "no_original" } : openOne(ring, sealed, vaultPlace(domain, token));
        }),
      );
    },
  };
}

async function openOne({ sealing }: Pick<KeyRing, "sealing">, sealed: Uint8Array, place: readonly string[]): Promise<Opened> {
  try {
    return { value: Buffer.from(await unseal(sealing, sealed, place)).toString() };
  } catch (error) {
    if (!(error instanceof UnsealError)) throw error;
    return { failure: error.failure === "unknown_key" ? "unknown_key" : "not_authentic" };
  }
}
