import { MasklineError } from "../../errors.ts";

/** How a key can be in use; each comes to its end in another way. */
export type UserKind = "rows" | "writers" | "pins" | "contract" | "aliases" | "sealed" | "originals" | "sealers" | "schemas";

/** What uses a key, a line for people each. */
export type KeyUsers = Partial<Readonly<Record<UserKind, readonly string[]>>>;

const nexts: Readonly<Record<UserKind, string>> = {
  writers: "give those runs the ring as it is now, or stop them",
  rows: "maskline keys rekey, with each contract whose table is named, brings rows under the newest key (--dry-run shows what there is)",
  aliases: "maskline keys rekey brings every row under one key",
  sealers: "restart those runs with the ring as it is now",
  pins: "keep this key: tokens that do not say theirs cannot be rekeyed; it is free once that column is dropped",
  contract: "keep this key: such tokens cannot be rekeyed; it is free once no contract names it and the column is dropped",
  sealed: "maskline keys reseal brings refused messages under the newest sealing key; maskline quarantine list shows them",
  originals: "maskline keys reseal frees a sealing key; a root is free once those originals are erased",
  schemas: "maskline keys rekey with the configuration of that schema; then this, as a user that may read it",
};

/** @throws MasklineError `key_in_use` with everything that uses the key, and how that ends */
export function refuseUsed(keyId: number, users: KeyUsers): void {
  const kinds = (Object.keys(nexts) as UserKind[]).filter((kind) => (users[kind] ?? []).length > 0);
  if (kinds.length === 0) return;
  throw new MasklineError("key_in_use", `key ${keyId} is still in use; nothing was changed`, {
    details: kinds.flatMap((kind) => users[kind] ?? []),
    next: kinds.map((kind) => nexts[kind]).join("; "),
  });
}
