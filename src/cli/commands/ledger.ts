import { withDatabase } from "../../app/assemble-sink.ts";
import { MasklineError } from "../../errors.ts";
import type { Database } from "../../postgres/database.ts";
import { type Account, findMessage, type MessagePlace, readAccounts } from "../../postgres/ledger.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { findExits, type LeftQuarantine } from "../../postgres/recovery/find-exits.ts";
import { findTrip, tripped } from "../../postgres/trips.ts";
import { accountColumns } from "../columns.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { momentOf } from "../moment-flag.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, messages, moment } from "../table.ts";

export const ledger: Command = {
  flags: {
    ...configFlags,
    message: {
      value: "ID",
      doc: "where is this message? loaded, quarantined, discarded, or not known here; who took it out of the quarantine",
    },
    "sent-after": {
      value: "TIME",
      doc: "with --message: it was sent on this day or later (2026-11-20, 2026-11-20T08:00:00Z); reads fewer receipts",
    },
    all: { doc: "every pipeline of this database, not only the configured one" },
    limit: { value: "N", doc: "at most so many runs (default 20)" },
  },
  about: `received = loaded + duplicate + quarantined + returned, for every run. A run that ended in order is closed at difference 0. One
that was heard of within the last minute is running: the difference is what it has in hand. Any other was killed, or ended in an
outage: the difference is what it abandoned, and that comes again by itself. A message is looked for by its id, or by what the option
identity names; without --sent-after all receipts of this database are read for it.`,
  examples: [
    ["maskline ledger", "the newest runs"],
    ["maskline ledger --message 2a4adbf3-7689-4082-beaa-185eca9e1c65", "one message"],
    ["maskline ledger --message order-4711 --sent-after 2026-11-20", "one message, known by its identity; of a large database"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const id = call.text("message");
    const sentAfter = momentOf(call, "sent-after");
    if (sentAfter !== null && id === null) throw new MasklineError("usage", "--sent-after goes with --message");
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      if (id !== null) return showMessage(call, database, schema, id, sentAfter);
      const pipeline = call.has("all") ? null : settings.pipeline;
      const trip = await findTrip(database, schema, settings.pipeline);
      if (trip !== null) call.output.say(`${tripped(trip).message}\nnext: maskline resume --dry-run`);
      showAccounts(call, await readAccounts(database, schema, pipeline, call.number("limit", 1) ?? 20));
    });
  },
};

function showAccounts({ output }: Call, accounts: readonly Account[]): void {
  if (output.json) return output.document({ runs: accounts });
  if (accounts.length === 0) return output.say("no run has been recorded yet\nnext: maskline run --drain");
  for (const line of formatTable(accountColumns, accounts)) output.data(line);
  for (const { run, state, abandoned } of accounts) {
    if (state !== "killed") continue;
    const held =
      abandoned === 0 ? "it held no message" : `${messages(abandoned)} it held, to come again after the visibility timeout`;
    output.say(`run ${run} was killed, or ended in an outage; ${held}`);
  }
}

async function showMessage({ output }: Call, database: Database, schema: string, id: string, after: Date | null): Promise<void> {
  const places = await findMessage(database, schema, id, after);
  const told = await readableExits(database, schema, id);
  if (output.json) return output.document({ id, places, exits: told });
  const exits = told ?? [];
  if (places.length === 0 && exits.length === 0) {
    const since = after === null ? "" : ` among those sent since ${moment(after)}`;
    throw new MasklineError(
      "not_found",
      `message ${id} is not known here${since}: still in its queue, never sent, or older than the receipts`,
      { next: "maskline run --drain, if it may still be in the queue; maskline ledger --all shows every run" },
    );
  }
  for (const place of places) output.data(`${place.outcome}  ${place.pipeline}  ${when(place)}`);
  for (const exit of exits) output.data(how(exit));
}

/** Null for a user who may look for messages, and not read who took them out of the quarantine. */
async function readableExits(database: Database, schema: string, id: string): Promise<readonly LeftQuarantine[] | null> {
  try {
    return await findExits(database, schema, id);
  } catch (error) {
    if (error instanceof MasklineError && error.code === "database_denied") return null;
    throw error;
  }
}

function how({ pipeline, outcome, leftAt, actor, act, reason }: LeftQuarantine): string {
  return `left the quarantine  ${pipeline}  ${moment(leftAt)}: ${outcome} by ${actor}, act ${act}; stood there for ${reason}`;
}

function when({ sentAt, receivedAt }: MessagePlace): string {
  return receivedAt === null ? `sent ${moment(sentAt) ?? "at an unknown time"}` : `received ${moment(receivedAt)}`;
}
