import type { Settings } from "../../app/config/load.ts";
import { ringPublicKeys, withAudit } from "../../app/recovery/audit.ts";
import { MasklineError } from "../../errors.ts";
import type { AuditPublicKey } from "../../keys/audit-keys.ts";
import { endOfAudit, readAudit } from "../../postgres/recovery/audit.ts";
import { showAnchor } from "../../recovery/audit-anchor.ts";
import { headLine, rowLine } from "../../recovery/audit-export.ts";
import { type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

export const auditExport: Command = {
  flags: {
    ...configFlags,
    from: { value: "SEQUENCE", doc: "only from this row on (default 1)" },
  },
  about: `Writes the audit to stdout as lines of JSON: first what it is and the public keys of the ring, where there is one at hand, then one
row a line as it is kept, with the keyed hashes of its tokens. Nothing in it is a value or a token. maskline audit verify FILE checks it
without ring and database. Needs no more than the rights of an auditor.`,
  examples: [
    ["maskline audit export > audit.ndjson", "all of it"],
    ["maskline audit export --from 1001 | gzip > audit-1001.ndjson.gz", "what has come since the last export"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const from = call.number("from", 1) ?? 1;
    const { output } = call;
    await withAudit(settings, async (database, schema) => {
      const publicKeys = await keysAtHand(settings, output);
      const through = await endOfAudit(database, schema);
      await output.stream(`${headLine({ from, through, publicKeys })}\n`);
      let rows = 0;
      for await (const row of readAudit(database, schema, from)) {
        await output.stream(`${rowLine(row)}\n`);
        rows += 1;
      }
      output.say(`${count(rows)} rows${through === null ? "" : `; keep elsewhere, for --anchor: ${showAnchor(through)}`}`);
    });
  },
};

/** An auditor may have no ring, and the export is of use without. */
async function keysAtHand(settings: Settings, output: Output): Promise<readonly AuditPublicKey[]> {
  try {
    return await ringPublicKeys(settings);
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    output.say(`without public keys: ${error.message}`);
    return [];
  }
}
