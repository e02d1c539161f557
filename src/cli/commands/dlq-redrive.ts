import { openRedrive, type Redrive } from "../../app/dead-letters.ts";
import { MasklineError } from "../../errors.ts";
import type { Move } from "../../sources/sqs/dead-letters.ts";
import { type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable, type TableColumn } from "../table.ts";

// "All redriven messages are considered new messages with a new messageID and enqueueTime" (Amazon SQS developer guide, "Learn how to
// configure a dead-letter queue redrive in Amazon SQS").
const consequence =
  "SQS makes new messages of redriven ones, with new ids and sent times: what was loaded already is loaded twice, and columns from $sent_at hold the day of the redrive";

export const dlqRedrive: Command = {
  flags: {
    ...configFlags,
    "accept-new-ids": { doc: "go on although receipts do not know the messages again" },
    "dry-run": { doc: "say how many there are, and how far moves are that were started before; move nothing" },
  },
  about: `Lets SQS move all dead letters back to the queues they came from (StartMessageMoveTask). They become new messages by that, with new ids
and sent times: what was loaded already is loaded twice, and create_date is the day of the redrive. maskline dlq drain loads them without
that, and is what you want unless something else reads the queue.`,
  examples: [
    ["maskline dlq redrive --dry-run", "what there is, and how far a move is"],
    ["maskline dlq redrive --accept-new-ids", "start the move"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const accepted = call.has("accept-new-ids");
    if (!accepted && !call.has("dry-run")) {
      throw new MasklineError("usage", `dlq redrive needs --accept-new-ids: ${consequence}`, {
        next: "maskline dlq drain loads dead letters under their own ids and times",
      });
    }
    await openRedrive(settings, call.stop, async (redrive) => {
      if (call.has("dry-run")) return plan(call.output, redrive);
      warn(call.output);
      const { handle, moves } = await redrive.start();
      if (call.output.json) return call.output.document({ queue: redrive.url, handle, moves });
      call.output.data(`started: ${handle}`);
      showMoves(call.output, moves);
      call.output.say("SQS goes on by itself; maskline dlq redrive --dry-run shows how far it is");
    });
  },
};

function warn(output: Output): void {
  output.say(`${output.style("yellow", "warning:")} ${consequence}`);
}

function plan(output: Output, { url, facts, moves }: Redrive): void {
  const { visible, inFlight, delayed } = facts;
  if (output.json) return output.document({ queue: url, visible, inFlight, delayed, moves });
  output.data(`${url}: about ${count(visible)} visible, ${count(inFlight)} in flight, ${count(delayed)} delayed`);
  showMoves(output, moves);
  warn(output);
  output.say("nothing was moved; maskline dlq drain loads them under their own ids and times");
}

const moveColumns: readonly TableColumn<Move>[] = [
  { title: "move", value: ({ status }) => status.toLowerCase() },
  { title: "moved", value: ({ moved }) => moved },
  { title: "of about", value: ({ toMove }) => toMove },
  { title: "failed with", value: ({ failure }) => failure },
];

function showMoves(output: Output, moves: readonly Move[]): void {
  if (moves.length > 0) for (const line of formatTable(moveColumns, moves)) output.data(line);
}
