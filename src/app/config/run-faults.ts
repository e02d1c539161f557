import type { ConfigFault } from "./fault.ts";
import type { Options } from "./schema.ts";

/** What no schema can say of `run`. It may hold anything that the schema has refused already. */
export function runFaults({ run }: Options): readonly ConfigFault[] {
  if (typeof run !== "object" || run === null || run.refused !== "drop" || run.insecure) return [];
  const message =
    "drop deletes what does not fit the contract, and nobody can bring it back: quarantine keeps it sealed, dead-letter leaves it to the queue; to lose it all the same, add insecure: true";
  return [{ path: ["run", "refused"], message }];
}
