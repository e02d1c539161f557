import { openQueue } from "../../app/assemble-source.ts";
import { sampleEvents } from "../../demo/sample.ts";
import { MasklineError } from "../../errors.ts";
import { sendAll } from "../../sources/sqs/send.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { count as show } from "../table.ts";

export const sample: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    count: { value: "N", doc: "how many events (default 100)" },
    seed: { value: "N", doc: "another seed, other events (default 1)" },
    send: { doc: "send them to the configured queue instead of printing them" },
  },
  about:
    "Generates login events in the shape of real ones: shared devices and addresses, and bad messages of each kind. The same seed\ngives the same events.",
  examples: [
    ["maskline sample --count 3", "print three"],
    ["maskline sample --count 1000 --send", "put a thousand on the queue of maskline.yaml"],
  ],
  async run(call) {
    const count = call.number("count", 1) ?? 100;
    const events = sampleEvents({ count, seed: call.number("seed") ?? 1 });
    if (!call.has("send")) {
      if (call.output.json) return call.output.document({ events: [...events] });
      for (const { body } of events) call.output.data(body);
      return;
    }
    const queue = openQueue(settingsOf(call));
    try {
      const sent = await sendAll(queue, bodies(events), call.stop, (messages) =>
        call.output.progress(`sent ${show(messages)} of ${show(count)}`),
      );
      if (call.stop.aborted) throw new MasklineError("interrupted", `stopped after ${show(sent)} events were sent`);
      if (call.output.json) call.output.document({ sent });
      else call.output.say(`sent ${show(sent)} events to ${queue.shown}\nnext: maskline run --drain`);
    } finally {
      queue.close();
    }
  },
};

function* bodies(events: Iterable<{ readonly body: string }>): Generator<string> {
  for (const { body } of events) yield body;
}
