import type { Settings } from "../../app/config/load.ts";
import { type DeadLetters, findDeadLetters } from "../../app/dead-letters.ts";
import { type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";
import { endFlags, runAndTell } from "./run.ts";

export const dlqDrain: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    queue: { value: "URL", doc: "the dead-letter queue (default: the one that the queue's redrive policy names)" },
    ...endFlags,
    "dry-run": { doc: "say how many there are and what would be done; receive nothing" },
  },
  // SentTimestamp: "When a message is moved to a dead-letter queue, the enqueue timestamp is unchanged"; of FIFO queues it "resets"
  // (Amazon SQS developer guide, "Setting-up dead-letter queue retention").
  about: `Runs the dead-letter queue through the pipeline, in the place of its queue: same table, same receipts. A message keeps its id and (but
on a FIFO queue) its sent time when SQS moves it there, so what was loaded already is a duplicate, and create_date is the day it was
sent. What does not fit goes to the quarantine. Ends as maskline run --drain does, with the same exit codes.`,
  examples: [
    ["maskline dlq drain --dry-run", "how many there are"],
    ["maskline dlq drain", "load them"],
    ["maskline dlq drain --queue URL", "a queue that no redrive policy names"],
  ],
  async run(call) {
    const found = await findDeadLetters(settingsOf(call), call.text("queue"), call.stop);
    if (call.has("dry-run")) return plan(call.output, found);
    call.output.say(`dead-letter queue: ${found.url}`);
    warnOf(call.output, found);
    await runAndTell(call, found.settings, true);
  },
};

function plan(output: Output, { url, settings, facts }: DeadLetters): void {
  const { visible, inFlight, delayed } = facts;
  if (output.json) return output.document({ queue: url, pipeline: settings.pipeline, visible, inFlight, delayed });
  output.data(`${url}: about ${count(visible)} visible, ${count(inFlight)} in flight, ${count(delayed)} delayed`);
  warnOf(output, { settings, facts });
  output.say(
    `nothing was received; maskline dlq drain runs them through pipeline ${settings.pipeline}: loaded, a duplicate, or quarantined`,
  );
}

function warnOf(output: Output, { settings, facts }: { readonly settings: Settings; readonly facts: DeadLetters["facts"] }): void {
  const warn = (text: string): void => output.say(`${output.style("yellow", "warning:")} ${text}`);
  const dated = settings.contract.columns.filter(({ from }) => from === "$sent_at").map(({ name }) => name);
  if (facts.fifo && dated.length > 0) {
    warn(
      `on a FIFO queue a message's sent time is when SQS moved it here: ${dated.join(", ")} will say that, not when it was sent`,
    );
  }
  if (facts.maxReceiveCount !== null) {
    warn(
      `this queue has a dead-letter queue of its own: what goes back unsettled ${facts.maxReceiveCount === 1 ? "once" : `${facts.maxReceiveCount} times`} is moved on to it`,
    );
  }
}
