import { withDatabase } from "../../app/assemble-sink.ts";
import { MasklineError } from "../../errors.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { describeTrip, findTrip, listTrips, reasonLines, resumeTrip, type Trip } from "../../postgres/trips.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, moment, type TableColumn } from "../table.ts";

const longestReason = 1_000;

export const resume: Command = {
  flags: {
    ...configFlags,
    reason: { value: "TEXT", doc: "why it may go on; kept for good, so without anything personal" },
    list: { doc: "show when the pipeline tripped before, and change nothing" },
    "dry-run": { doc: "show what would be resumed, and change nothing" },
    limit: { value: "N", doc: "with --list: at most so many (default 20)" },
  },
  about: `A run stops when too many of the pipeline's newest messages were refused (limits.refused, limits.share, limits.window). The batch that would
have crossed the limit was rolled back, its messages are on the queue, and no process of the pipeline loads or starts until it is resumed.
Then the window begins anew. The same messages come again: correct the contract, the producer or the limit first.`,
  examples: [
    ['maskline resume --reason "producer fixed, TICKET-1"', "let the pipeline go on"],
    ["maskline resume --list", "when it tripped, who resumed it and why"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const { pipeline } = settings;
    const looksOnly = call.has("list") || call.has("dry-run");
    const reason = looksOnly ? null : reasonOf(call);
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      if (call.has("list")) {
        return showList(call.output, pipeline, await listTrips(database, schema, pipeline, call.number("limit", 1) ?? 20));
      }
      const trip = await (reason === null ? findTrip(database, schema, pipeline) : resumeTrip(database, schema, pipeline, reason));
      if (trip === null) {
        throw new MasklineError("not_found", `pipeline ${pipeline} does not stand still: there is nothing to resume`, {
          next: "maskline run; maskline resume --list shows when it tripped before",
        });
      }
      if (call.output.json) return call.output.document({ resumed: reason !== null, trip });
      showTrip(call.output, trip, reason !== null);
    });
  },
};

function reasonOf(call: Call): string {
  const reason = (call.text("reason") ?? "").trim();
  const usage = (what: string): MasklineError =>
    new MasklineError("usage", `resume: ${what}`, {
      next: "maskline resume --reason TEXT; maskline resume --dry-run shows what would be resumed",
    });
  if (reason === "") throw usage("wants a reason: it is kept with the trip");
  if (reason.length > longestReason) throw usage(`the reason is longer than ${longestReason} characters`);
  if (reason.includes("\0")) throw usage("the reason holds a character that no database stores");
  return reason;
}

function showTrip(output: Output, trip: Trip, resumed: boolean): void {
  const since = `since ${moment(trip.trippedAt)}`;
  output.say(`pipeline ${trip.pipeline} ${resumed ? `goes on; it stood still ${since}` : `stands still ${since}`}`);
  output.say(`too many messages were refused: ${describeTrip(trip)}`);
  for (const line of reasonLines(trip.reasons)) output.say(`  ${line}`);
  if (!resumed) return output.say("next: maskline resume --reason TEXT");
  output.say(
    "its window begins anew. The same messages come again, and stop it again while contract, producer and limits are as they were",
  );
  output.say("next: maskline run");
}

const tripColumns: readonly TableColumn<Trip>[] = [
  { title: "tripped", value: ({ trippedAt }) => moment(trippedAt) },
  { title: "refused", value: ({ refused }) => refused },
  { title: "of the newest", value: ({ seen }) => seen },
  { title: "most frequent", value: ({ reasons }) => reasonLines(reasons)[0] ?? null },
  { title: "resumed", value: ({ resumedAt }) => moment(resumedAt) },
  { title: "by", value: ({ resumedBy }) => resumedBy },
  { title: "why", value: ({ resumeReason }) => resumeReason },
];

function showList(output: Output, pipeline: string, trips: readonly Trip[]): void {
  if (output.json) return output.document({ trips });
  if (trips.length === 0) return output.say(`pipeline ${pipeline} has never tripped`);
  for (const line of formatTable(tripColumns, trips)) output.data(line);
  if (trips.some(({ resumedAt }) => resumedAt === null)) output.say("\nnext: maskline resume --reason TEXT");
}
