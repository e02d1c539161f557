import { maskFacts } from "../../masks/mask.ts";
import { countRowsWith } from "../../postgres/recovery/token-selection.ts";
import type { Why } from "../../recovery/govern.ts";
import { verify, type VerifyRequest, type VerifyResult } from "../../recovery/verify.ts";
import { missingOption } from "../config/load.ts";
import { sentDayColumn } from "../sent-time.ts";
import type { Governed } from "./governance.ts";
import { type KeyedPlace, tokenFinder, tokensUnderEveryKey } from "./recoverable.ts";

/** What whoever asks says for it, and the token that is to be compared. */
export type VerifyAsked = Pick<VerifyRequest, "asked"> & Why;

/** Which tokens a value has in a place, under every enabled key, and where they stand. @param value canonical @throws MasklineError as `verify` */
export async function verifyValue(
  { settings, ring, keys, database, governance }: Governed,
  placed: KeyedPlace,
  asked: VerifyAsked,
  value: string,
): Promise<VerifyResult> {
  const { place, column, domain, mask } = placed;
  if (settings.target === null) throw missingOption(settings, "sink.postgres.table");
  const counted = {
    table: settings.target,
    column: column.name,
    find: tokenFinder(placed),
    timeColumn: sentDayColumn(settings),
  };
  return verify(
    {
      domain,
      tokens: tokensUnderEveryKey(ring, placed, value),
      tagged: maskFacts[mask.kind].tagged,
      complete: ring.keys.every(({ status }) => status === "ENABLED"),
      ...asked,
      details: { column: place, compared: asked.asked !== null },
    },
    { governance, keys, countRows: (tokens) => countRowsWith(database, counted, tokens) },
  );
}
