import type { Settings } from "../app/config/load.ts";
import { type Governed, withGovernance } from "../app/governance.ts";
import { MasklineError } from "../errors.ts";
import { type Attempt, tellRefusal } from "../recovery/refusal.ts";
import type { Call } from "./command.ts";
import { type Explained, explainedBy, tellHeadOn } from "./explained.ts";

/**
 * Opens ring and audit for an act that has to be explained. What is refused before it becomes one (no reason, or rows that this
 * person may not read) is told to the audit too, where it can be reached.
 */
export async function explainedAct(
  call: Call,
  settings: Settings,
  attempt: Attempt,
  work: (governed: Governed, explained: Explained) => Promise<void>,
): Promise<void> {
  const explained = explanation(call);
  try {
    await withGovernance(settings, tellHeadOn(call.output), async (governed) => {
      const { governance } = governed;
      if (explained instanceof MasklineError) return tellRefusal(governance, attempt, "unexplained");
      try {
        await work(governed, explained);
      } catch (error) {
        if (!(error instanceof MasklineError) || error.code !== "database_denied") throw error;
        await tellRefusal(governance, { ...attempt, reason: explained.reason, ticket: explained.ticket }, "database_denied");
        throw error;
      }
    });
  } catch (error) {
    throw explained instanceof MasklineError && error instanceof MasklineError ? explained : error;
  }
  if (explained instanceof MasklineError) throw explained;
}

function explanation(call: Call): Explained | MasklineError {
  try {
    return explainedBy(call);
  } catch (error) {
    if (error instanceof MasklineError) return error;
    throw error;
  }
}
