import { MasklineError } from "../../errors.ts";
import { maskFacts } from "../../masks/mask.ts";
import { readTokenSets, type TokenSet } from "../../postgres/recovery/token-epochs.ts";
import type { TokenLayout } from "../../recovery/token-layout.ts";
import { missingOption } from "../config/load.ts";
import { ringName } from "../tagged-columns.ts";
import type { Governed } from "./governance.ts";
import type { KeyedPlace } from "./recoverable.ts";

/**
 * A key can be chosen for tokens that do not say theirs, and prove nothing: under another one they open to wrong values.
 * @throws MasklineError `usage` for those of all other masks
 */
export function requireChoosable({ place, mask: { kind } }: KeyedPlace): void {
  if (hasSilentTokens(kind)) return;
  const why = kind === "vault" ? "its values come from the vault" : `tokens of ${kind} say their key`;
  throw new MasklineError("usage", `--key is not for ${place}: ${why}`, { next: "leave --key out" });
}

/**
 * Looks whether all tokens that a place has held open under the key that its mask names, where they could not tell otherwise.
 * @throws MasklineError `usage` where they do not, `database_denied` where this user may not read it
 */
export async function requireOneKey({ settings, ring, database, schema }: Governed, placed: KeyedPlace): Promise<void> {
  const { place, column, domain, mask } = placed;
  if (!hasSilentTokens(mask.kind)) return;
  if (settings.target === null) throw missingOption(settings, "sink.postgres.table");
  const layout = layoutOf(placed);
  const sets = await readTokenSets(database, schema, { table: settings.target, column: column.name, layout });
  if (sets === null) {
    throw new MasklineError(
      "database_denied",
      `tokens of ${mask.kind} do not say their key, and this user may not read which ones ${place} has held (${schema}.token_column)`,
      {
        next: "maskline migrate --grants --apply gives the privacy officer's role that right; or --key ID, for tokens that are of that key",
      },
    );
  }
  const own: TokenSet = { ring: ringName(ring), domain, keyId: mask.key ?? ring.primaryId };
  // inside documents other paths have domains of their own
  const others = sets.filter((set) => (layout === "whole" || set.domain === domain) && !isSame(set, own));
  if (others.length === 0) return;
  const enabled = new Set(ring.keys.flatMap(({ id, status }) => (status === "ENABLED" ? [id] : [])));
  const keyIds = [own, ...others].flatMap((set) =>
    set.ring === own.ring && set.domain === domain && set.keyId !== null && enabled.has(set.keyId) ? [set.keyId] : [],
  );
  const held = others.map((set) => named(set, own)).join(", ");
  throw new MasklineError(
    "usage",
    `the mask of ${place} has key ${own.keyId}, and the column has held tokens ${held}: ${mask.kind} tokens do not say theirs, and open to wrong values under another`,
    { next: `${keyIds.map((id) => `--key ${id}`).join(" or ")}, each for tokens that are of that key alone: docs/recovery.md` },
  );
}

/** Whether tokens neither say their key nor prove that they were opened with the right one. */
function hasSilentTokens(kind: KeyedPlace["mask"]["kind"]): boolean {
  const { reversible, tagged } = maskFacts[kind];
  return reversible && !tagged;
}

function layoutOf({ column, read, sought }: KeyedPlace): TokenLayout {
  if (sought !== null) return "text";
  return read === column ? "whole" : "json";
}

function isSame(one: TokenSet, other: TokenSet): boolean {
  return one.ring === other.ring && one.domain === other.domain && one.keyId === other.keyId;
}

function named({ ring, domain, keyId }: TokenSet, own: TokenSet): string {
  const key = keyId === null ? "that say their key" : `of key ${keyId}`;
  const where = domain === own.domain ? "" : ` in domain ${domain}`;
  return ring === own.ring ? `${key}${where}` : `${key}${where} in another ring`;
}
