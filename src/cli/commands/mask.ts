import { openKeyRing } from "../../app/assemble-keys.ts";
import { readLines } from "../../app/lines.ts";
import { createLineMasker, type RefusedLine } from "../../app/mask-lines.ts";
import { MasklineError } from "../../errors.ts";
import { selfTest } from "../../masks/self-test.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

/** So many refused lines are named one by one; the others are counted. */
const namedLines = 20;

export const mask: Command = {
  flags: {
    ...configFlags,
    "accept-tokens": { doc: "let values pass that are tokens of their domain already; for trusted input only" },
    "skip-refused": { doc: "leave refused lines out and end well; otherwise they end with exit code 1" },
  },
  about: `Reads events from stdin, one JSON object a line, and writes rows to stdout, one JSON object a line: the contract and its masks as a
filter for Spark, a shell, anything. Columns that come from the message ($sent_at, $message_id, ...) are left out. Refused lines are named
on stderr by number and reason. Neither queue nor database is needed; to be sure of ring and definitions without a database, set
keyring.expect to the fingerprint that \`maskline keys list\` shows.`,
  examples: [
    ["maskline mask < events.ndjson > rows.ndjson", "a file"],
    ["zcat old/*.gz | maskline mask --skip-refused | gzip > rows.ndjson.gz", "an archive, bad lines left out"],
  ],
  async run(call) {
    const settings = settingsOf(call, { unset: "servers" });
    selfTest();
    const masker = createLineMasker(settings, await openKeyRing(settings), call.has("accept-tokens"));
    if (masker.leftOut.length > 0) call.output.say(`left out, as lines have no message: ${masker.leftOut.join(", ")}`);
    let rows = 0;
    let refused = 0;
    for await (const lines of readLines(process.stdin, settings.contract.maxBodyBytes)) {
      const masked = masker.mask(lines);
      if (masked.rows > 0) await call.output.stream(masked.bytes);
      for (const line of masked.refused.slice(0, Math.max(0, namedLines - refused))) call.output.say(describe(line));
      rows += masked.rows;
      refused += masked.refused.length;
    }
    call.output.say(`${count(rows)} rows, ${count(refused)} lines refused`);
    if (refused > 0 && !call.has("skip-refused")) {
      throw new MasklineError("lines_refused", `${count(refused)} of ${count(rows + refused)} lines are not in the output`, {
        next: "correct them and mask them alone, or leave them out with --skip-refused",
      });
    }
  },
};

function describe({ line, faults }: RefusedLine): string {
  return `line ${line}: ${faults.map(({ reason, path, expected }) => `${path || "(body)"} ${reason}, needed: ${expected}`).join("; ")}`;
}
