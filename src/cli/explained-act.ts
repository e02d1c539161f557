import type { Settings } from "../app/config/load.ts";
import { type Governed, withGovernance } from "../app/recovery/governance.ts";
import { type ErrorCode, MasklineError } from "../errors.ts";
import type { Why } from "../recovery/govern.ts";
import { type Attempt, tellRefusal } from "../recovery/refusal.ts";
import type { Call } from "./command.ts";
import { approvalOf, explainedBy, tellHeadOn } from "./explained.ts";

/** Of an attempt that the audit has not been told of yet: it was refused. What is wrongly typed is none, nor is an outage. */
const refusals: readonly ErrorCode[] = ["database_denied", "target_misfit", "value_unfit", "not_found"];

/** Opens ring and audit for an act. What is refused before the audit was told anything of it is told then, where it can be reached. */
export async function toldAct<T>(
  call: Call,
  settings: Settings,
  attempt: Attempt,
  work: (governed: Governed) => Promise<T>,
): Promise<T> {
  const tellHead = tellHeadOn(call.output);
  let told = 0;
  return withGovernance(
    settings,
    (row) => {
      told += 1;
      tellHead(row);
    },
    async (governed) => {
      try {
        return await work(governed);
      } catch (error) {
        const isUntold = error instanceof MasklineError && refusals.includes(error.code) && told === 0;
        if (isUntold) await tellRefusal(governed.governance, attempt, error.code);
        throw error;
      }
    },
    (governance) => tellRefusal(governance, attempt, "database_denied"),
  );
}

/** The same for an act that has to be explained: without a reason and a ticket it is refused, and the audit is told. */
export async function explainedAct<T>(
  call: Call,
  settings: Settings,
  attempt: Attempt,
  work: (governed: Governed, explained: Why) => Promise<T>,
): Promise<T> {
  const approval = approvalOf(call, "approval");
  const explained = explanation(call);
  if (explained instanceof MasklineError) return refuseAttempt(call, settings, attempt, "unexplained", explained);
  return toldAct(call, settings, { ...attempt, ...explained }, (governed) => work(governed, { ...explained, approval }));
}

/** What an attempt is upon, as `find` has it; the audit is told where that is nothing that one may attempt this upon. */
export async function attemptedOn<T>(call: Call, settings: Settings, attempt: Attempt, find: () => T): Promise<T> {
  try {
    return find();
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    const explained = explanation(call);
    const why = explained instanceof MasklineError ? {} : explained;
    return refuseAttempt(call, settings, { ...attempt, ...why }, "column_unfit", error);
  }
}

/** @throws `error`, which is the one to show, whatever becomes of the telling */
async function refuseAttempt(call: Call, settings: Settings, attempt: Attempt, told: string, error: MasklineError): Promise<never> {
  const tell = (governance: Governed["governance"]): Promise<void> => tellRefusal(governance, attempt, told);
  try {
    await withGovernance(settings, tellHeadOn(call.output), ({ governance }) => tell(governance), tell);
  } catch (untold) {
    if (!(untold instanceof MasklineError)) throw untold;
  }
  throw error;
}

function explanation(call: Call): Pick<Why, "reason" | "ticket"> | MasklineError {
  try {
    return explainedBy(call);
  } catch (error) {
    if (error instanceof MasklineError) return error;
    throw error;
  }
}
