import { parseArgs } from "node:util";

import { bodyKinds } from "./bodies.ts";
import type { LoadQueue } from "./load-queue.ts";
import type { Counted } from "./process.ts";
import type { Notice, Order } from "./protocol.ts";
import { type LoadServer, startLoadServer } from "./server.ts";

const usage = `node bench/load-queue/main.ts [OPTION…]: a queue with a backlog, on 127.0.0.1, for load

  --messages N      how many (100000)            --seed N        other bodies and ids (1)
  --latency MS      each answer later by (0)     --body KIND     ${bodyKinds.join(", ")} (login)
  --port P          (any that is free)           --duplicates S  share that comes twice (0)
  --visibility S    seconds (30)                 --broken S      share that breaks the contract (0)
  --name NAME       of the queue (bench)         --refused S     share that breaks the table's CHECK (0)

Writes JSON lines: the queue's URL, counters each second while they change, and when it is drained. Ends with SIGTERM or Ctrl-C.
`;

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: {
      messages: { ...text, default: "100000" },
      latency: { ...text, default: "0" },
      port: { ...text, default: "0" },
      visibility: { ...text, default: "30" },
      name: { ...text, default: "bench" },
      seed: { ...text, default: "1" },
      body: { ...text, default: "login" },
      duplicates: { ...text, default: "0" },
      broken: { ...text, default: "0" },
      refused: { ...text, default: "0" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const server = await startLoadServer({ port: Number(values.port), latencyMs: Number(values.latency) });
  if (process.send !== undefined) return obey(server);
  const kind = bodyKinds.find((one) => one === values.body);
  if (kind === undefined) throw new RangeError(`--body: one of ${bodyKinds.join(", ")}`);
  const backlog = {
    messages: Number(values.messages),
    seed: Number(values.seed),
    kind,
    duplicates: Number(values.duplicates),
    broken: Number(values.broken),
    refused: Number(values.refused),
  };
  const name = values.name;
  let told = "";
  const queue = server.open(name, backlog, Number(values.visibility) * 1_000, (changed) => {
    if (changed.isEmpty) tell("drained");
  });
  const tell = (event: string): void => {
    const counters = JSON.stringify({ event, ...queue.counters, visible: queue.states.visible, inFlight: queue.states.inFlight });
    if (counters !== told) process.stdout.write(`${counters}\n`);
    told = counters;
  };
  process.stdout.write(`${JSON.stringify({ event: "listening", url: `${server.endpoint}/000000000000/${name}`, ...backlog })}\n`);
  const ticking = setInterval(() => tell("counters"), 1_000);
  const stop = (): void => {
    clearInterval(ticking);
    void server.stop();
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
}

/** As the runner's child: it opens queues and is told what happens to them. Ends with the runner. */
function obey(server: LoadServer): void {
  const queues = new Map<string, LoadQueue>();
  const tell = (notice: Notice): void => void process.send?.(notice);
  process.on("message", (order: Order) => {
    switch (order.do) {
      case "open": {
        const { name, backlog, visibilityMs, markAtDeletes } = order;
        queues.set(name, server.open(name, backlog, visibilityMs, watcher(name, markAtDeletes, tell)));
        tell({ event: "opened", name, url: `${server.endpoint}/000000000000/${name}` });
        return;
      }
      case "count": {
        const queue = queues.get(order.name);
        if (queue !== undefined) tell({ event: "counted", ask: order.ask, counted: counted(queue) });
        return;
      }
      case "close":
        queues.delete(order.name);
        server.close(order.name);
    }
  });
  process.once("disconnect", () => void server.stop());
  // Ctrl-C reaches the whole group: the runner says when it is over
  process.on("SIGINT", () => {});
  tell({ event: "listening", endpoint: server.endpoint });
}

/** Tells each thing once. */
function watcher(name: string, markAtDeletes: number, tell: (notice: Notice) => void): (queue: LoadQueue) => void {
  let isReceived = false;
  let isMarked = false;
  let isDrained = false;
  return (queue) => {
    if (!isReceived) {
      isReceived = true;
      tell({ event: "first_receive", name, counted: counted(queue) });
    }
    if (!isMarked && queue.counters.deleted >= markAtDeletes) {
      isMarked = true;
      tell({ event: "mark", name, counted: counted(queue) });
    }
    if (!isDrained && queue.isEmpty) {
      isDrained = true;
      tell({ event: "drained", name, counted: counted(queue) });
    }
  };
}

function counted({ counters }: LoadQueue): Counted {
  return { ...counters, atMs: performance.timeOrigin + performance.now() };
}

await main();
