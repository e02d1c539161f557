import type { Settings } from "../app/config/load.ts";
import { withGovernance } from "../app/governance.ts";
import { openColumn, revealableColumn } from "../app/recoverable.ts";
import { auditKeys } from "../keys/audit-keys.ts";
import type { Database } from "../postgres/database.ts";
import { quoteName } from "../postgres/names.ts";
import { freezeList, reveal } from "../recovery/reveal.ts";

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

/** The demo's own user may do everything but approve, which takes a second person. */
export async function allowDemoUser(database: Database, schema: string): Promise<void> {
  await database.query(
    "writing the policy of the demo",
    `INSERT INTO ${quoteName(schema)}.policy (role, domain, action, values_per_day, approve_above)
     SELECT session_user, '*', action, 10000, 1000 FROM unnest($1::text[]) AS action`,
    [["verify", "reveal-partial", "reveal", "erase", "replay"]],
  );
}

/** Opens one token as `maskline reveal` does, and reads back what was told of it. */
export async function bringBack(settings: Settings, name: string, token: string): Promise<BroughtBack> {
  const column = revealableColumn(settings, name);
  return withGovernance(
    settings,
    () => {},
    async (governed) => {
      const keys = auditKeys(governed.ring);
      if (keys === null) throw new TypeError("the primary of a ring is enabled");
      let value = "";
      const { act } = await reveal(
        {
          domain: column.domain,
          type: column.column.type,
          partial: false,
          reason: "to show that a value comes back",
          ticket: "DEMO-1",
          approval: null,
          details: { column: name },
        },
        freezeList([token]),
        {
          governance: governed.governance,
          hashTokens: (all) => keys.hashTokens(column.domain, all),
          opener: openColumn(governed, column),
        },
        {
          take: async ([revealed]) => {
            if (revealed !== undefined && "value" in revealed) value = revealed.value;
          },
          finish: async () => {},
        },
        new AbortController().signal,
      );
      const rows = await governed.governance.read(1, 1_000);
      const audit = rows.filter((row) => row.act === act).map(({ sequence, entry, hash }) => lineOf(sequence, entry, hash));
      return { column: name, token, value, audit };
    },
  );
}

function lineOf(sequence: number, entry: string, hash: Buffer): AuditLine {
  const { step, actor, action, amount, reason, ticket } = JSON.parse(entry) as Omit<AuditLine, "sequence" | "hash">;
  return { sequence, step, actor, action, amount, reason, ticket, hash: hash.toString("hex") };
}
