import type { LedgerPosition } from "../../../src/pipeline/ports.ts";
import { brokenRun } from "./broken-run.ts";
import { changeStatements } from "./change-statements.ts";
import { sinkThat } from "./sink-that.ts";

// Loads a batch again whose COMMIT was not answered. Whether it is there is asked for nothing: no load is ever found, and each attempt has a
// place of its own in the ledger.
changeStatements(/(SELECT loaded, quarantined FROM \S+\.ledger WHERE) run/, "$1 false AND run");
const attempts = 1_000;
let attempt = 0;
const at = (position: LedgerPosition, offset: number): LedgerPosition => ({
  ...position,
  sequence: position.sequence * attempts + offset,
});
await brokenRun({
  wrapSink: (sink) =>
    sinkThat(sink, {
      load: (batch, halt) => {
        attempt = (attempt + 1) % attempts;
        return sink.load({ ...batch, position: at(batch.position, attempt) }, halt);
      },
      abandon: (position, messages, halt) => sink.abandon(at(position, 0), messages, halt),
      noteReceived: (position, halt) => sink.noteReceived(at(position, 0), halt),
      closeLane: (position, halt) => sink.closeLane(at(position, 0), halt),
    }),
});
