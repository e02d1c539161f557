import type { Settings } from "../app/config/load.ts";
import { withGovernance } from "../app/recovery/governance.ts";
import { revealablePlace } from "../app/recovery/recoverable.ts";
import { revealTokens } from "../app/recovery/reveal.ts";
import { readAudit } from "../postgres/recovery/audit.ts";
import { changePolicy } from "../postgres/recovery/policy.ts";
import { everyDomain } from "../recovery/audit-entry.ts";

/** One value that came back, and what the audit has of it. */
export interface BroughtBack {
  readonly column: string;
  readonly token: string;
  readonly value: string;
  readonly audit: readonly AuditLine[];
}

export interface AuditLine {
  readonly sequence: number;
  readonly step: string;
  readonly actor: string;
  readonly action: string;
  readonly amount: number;
  readonly reason: string;
  readonly ticket: string;
  readonly hash: string;
}

/** The demo's own user may do everything but approve, which takes a second person; allowed as `maskline policy allow` does. */
export async function allowDemoUser(settings: Settings): Promise<void> {
  const why = { reason: "so that the demo can be looked around in", ticket: "DEMO-0" };
  const limits = { domain: everyDomain, valuesPerDay: 10_000, approveAbove: 1_000 };
  await withGovernance(
    settings,
    () => {},
    async ({ database, governance, schema }) => {
      const [user] = await database.query<{ role: string }>("asking who this is", "SELECT session_user::text AS role");
      const role = user?.role ?? "";
      for (const action of ["verify", "reveal-partial", "reveal", "erase", "replay"] as const) {
        await changePolicy(governance, schema, { change: "allow", role, action, ...limits }, why);
      }
    },
  );
}

/** Opens one token as `maskline reveal` does, and reads back what was told of it. */
export async function bringBack(settings: Settings, name: string, token: string): Promise<BroughtBack> {
  const placed = revealablePlace(settings, name);
  return withGovernance(
    settings,
    () => {},
    async (governed) => {
      let value = "";
      const { act } = await revealTokens(
        governed,
        placed,
        {
          partial: false,
          keyId: null,
          reason: "to show that a value comes back",
          ticket: "DEMO-1",
          approval: null,
          details: { column: name },
        },
        [token],
        {
          take: async ([revealed]) => {
            if (revealed !== undefined && "value" in revealed) value = revealed.value;
          },
          finish: async () => {},
        },
        new AbortController().signal,
      );
      const audit: AuditLine[] = [];
      for await (const row of readAudit(governed.database, governed.schema, 1))
        if (row.act === act) audit.push(lineOf(row.sequence, row.entry, row.hash));
      return { column: name, token, value, audit };
    },
  );
}

function lineOf(sequence: number, entry: string, hash: Buffer): AuditLine {
  const { step, actor, action, amount, reason, ticket } = JSON.parse(entry) as Omit<AuditLine, "sequence" | "hash">;
  return { sequence, step, actor, action, amount, reason, ticket, hash: hash.toString("hex") };
}
