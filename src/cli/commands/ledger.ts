import { withDatabase } from "../../app/assemble-sink.ts";
import { MasklineError } from "../../errors.ts";
import { findMessage, readAccounts } from "../../postgres/ledger.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { findTrip, tripped } from "../../postgres/trips.ts";
import { accountColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, moment } from "../table.ts";

export const ledger: Command = {
  flags: {
    ...configFlags,
    message: { value: "ID", doc: "where is this message? loaded, quarantined, discarded, or not known here" },
    all: { doc: "every pipeline of this database, not only the configured one" },
    limit: { value: "N", doc: "at most so many runs (default 20)" },
  },
  about: `received = loaded + duplicate + quarantined + returned, for every run. A run that ended in order is closed at difference 0.
An open run is still going on, or was killed: what it held then (one batch a lane at most) is not in its counts and comes again.`,
  examples: [
    ["maskline ledger", "the newest runs"],
    ["maskline ledger --message 2a4adbf3-7689-4082-beaa-185eca9e1c65", "one message"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const id = call.text("message");
      if (id !== null) {
        const places = await findMessage(database, schema, id);
        if (call.output.json) return call.output.document({ id, places });
        if (places.length === 0) {
          throw new MasklineError(
            "not_found",
            `message ${id} is not known here: still in its queue, never sent, or older than the receipts`,
            { next: "maskline run --drain, if it may still be in the queue; maskline ledger --all shows every run" },
          );
        }
        for (const place of places)
          call.output.data(`${place.outcome}  ${place.pipeline}  sent ${moment(place.sentAt) ?? "at an unknown time"}`);
        return;
      }
      const accounts = await readAccounts(
        database,
        schema,
        call.has("all") ? null : settings.pipeline,
        call.number("limit", 1) ?? 20,
      );
      const trip = await findTrip(database, schema, settings.pipeline);
      if (trip !== null) call.output.say(`${tripped(trip).message}\nnext: maskline resume --dry-run`);
      if (call.output.json) return call.output.document({ runs: accounts });
      if (accounts.length === 0) return call.output.say("no run has been recorded yet\nnext: maskline run --drain");
      for (const line of formatTable(accountColumns, accounts)) call.output.data(line);
    });
  },
};
