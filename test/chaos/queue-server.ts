import { setMaxListeners } from "node:events";
import { crc32 } from "node:zlib";

import { systemClock } from "../../src/app/system-clock.ts";
import { type SampleRandom, sampleRandom } from "../../src/demo/sample-random.ts";
import type { Clock } from "../../src/pipeline/clock.ts";
import { actions } from "./queue/actions.ts";
import { count, type QueueCounters } from "./queue/counters.ts";
import { QueueFault } from "./queue/fault.ts";
import { drawDelayMs, drawFault, faultAnswer, type QueueFaults } from "./queue/faults.ts";
import { type Listener, type Request, startListener } from "./queue/listener.ts";
import { QueueStore } from "./queue/store.ts";

export type { QueueCounters, QueueFaults };

export interface StoredMessage {
  readonly id: string;
  readonly body: string;
  /** ApproximateReceiveCount. */
  readonly receives: number;
  readonly inFlight: boolean;
  readonly sentAtMs: number;
  readonly group: string | null;
}

/** A call at one of its two moments: before it has an effect, or after it and before the answer is sent. */
export interface QueueCall {
  readonly client: string;
  readonly action: string;
  /** The queue's name; "" where the call is about none. */
  readonly queue: string;
  readonly phase: "asked" | "done";
  /** Messages it is about: those of the request when asked (a receive: at most), those it had an effect on when done. */
  readonly messages: number;
}

export type CallHook = (call: QueueCall) => void | Promise<void>;

/** An SQS server in this process, on loopback only, that can also fail. It takes any credentials. */
export interface ChaosQueueServer {
  readonly endpoint: string;
  /** A listener of its own for each client, so that hooks know who calls; the same one for the same name. */
  endpointFor(client: string): Promise<string>;
  /** Creates a queue, or finds it where there is one with these attributes already; answers its path, "/000000000000/NAME". */
  createQueue(name: string, attributes?: Readonly<Record<string, string>>): string;
  /** Puts messages there directly, unchecked; answers their ids in order. */
  send(queue: string, bodies: Iterable<string>, group?: (body: string, index: number) => string): readonly string[];
  /** What is there and not deleted. `queue` is a name, a path or an URL. */
  messages(queue: string): readonly StoredMessage[];
  readonly faults: QueueFaults;
  /** Called at both moments of every call; the call goes on when what it returns has resolved. A client that has gone meanwhile has no effect. */
  onCall(hook: CallHook | null): void;
  readonly counters: QueueCounters;
  /** Open now, of all clients. */
  readonly connections: number;
  /** Ends it and all connections. May be called again. */
  stop(): Promise<void>;
}

export interface ChaosQueueOptions {
  /** Every random decision follows from it: message ids too, so two servers of one seed give the same ids. */
  readonly seed: number;
  readonly clock?: Clock;
}

export async function startChaosQueueServer({ seed, clock = systemClock }: ChaosQueueOptions): Promise<ChaosQueueServer> {
  const ended = new AbortController();
  // each parked poll and alarm listens to it
  setMaxListeners(0, ended.signal);
  const listeners = new Map<string, Promise<Listener>>();
  const running: Listener[] = [];
  const store = new QueueStore(seed, clock, ended.signal, () => {
    for (const listener of running) listener.resetAll();
  });
  let hook: CallHook | null = null;

  const handle = async (client: string, random: SampleRandom, request: Request): Promise<void> => {
    const { wire, gone, origin } = request;
    const { action, input } = wire;
    const queue = nameOf(input["QueueUrl"]);
    count(store.counters.calls, action);
    const tell = (phase: QueueCall["phase"], messages: number): void | Promise<void> =>
      hook?.({ client, action, queue, phase, messages });
    if (hook !== null) await tell("asked", askedFor(input));
    const delayMs = drawDelayMs(store.faults, random);
    if (delayMs > 0) await clock.sleep(delayMs, gone);
    if (gone.aborted) return;
    const fault = drawFault(store.faults, action, random);
    if (fault !== null) {
      store.counters.faults += 1;
      count(store.counters.faultsOf, fault);
    }
    if (fault === "unanswered") return;
    if (fault === "resets") return request.reset();
    if (fault !== null && fault !== "unansweredDone" && fault !== "resetsDone") {
      return request.answer(wire.fault(faultAnswer(fault, random)));
    }
    const act = Object.hasOwn(actions, action) ? actions[action] : undefined;
    try {
      if (act === undefined) throw new QueueFault("InvalidAction", `The action ${action} is not valid for this endpoint.`);
      const { output, messages } = await act(store, { action, input, queue, origin, gone });
      if (hook !== null) await tell("done", messages);
      if (fault === "unansweredDone") return;
      if (fault === "resetsDone") return request.reset();
      request.answer(wire.output(output));
    } catch (error) {
      if (!(error instanceof QueueFault)) throw error;
      request.answer(wire.fault(error));
    }
  };

  const listen = async (client: string): Promise<Listener> => {
    // each client has its own dice: what one meets does not hang on when the others call
    const random = sampleRandom(seed ^ crc32(client));
    const listener = await startListener(
      (request) => void handle(client, random, request),
      () => store.faults.down,
    );
    running.push(listener);
    return listener;
  };
  const listenerFor = async (client: string): Promise<Listener> => {
    let listener = listeners.get(client);
    if (listener === undefined) listeners.set(client, (listener = listen(client)));
    return listener;
  };

  const { endpoint } = await listenerFor("");
  return {
    endpoint,
    endpointFor: async (client) => (await listenerFor(client)).endpoint,
    createQueue: (name, attributes = {}) => `/000000000000/${store.create(name, attributes).name}`,
    send: (queue, bodies, group) => {
      const found = store.find(nameOf(queue));
      const ids: string[] = [];
      for (const body of bodies) {
        const deduplicationId = found.settings.fifo ? store.newId() : null;
        const grouped = group?.(body, ids.length) ?? (found.settings.fifo ? "all" : null);
        ids.push(found.send({ body, attributes: null, group: grouped, deduplicationId, delayMs: null }).id);
      }
      found.wake();
      return ids;
    },
    messages: (queue) =>
      Array.from(store.find(nameOf(queue)).messages(), ({ id, body, receives, state, sentAtMs, group }) => ({
        id,
        body,
        receives,
        inFlight: state === "hidden",
        sentAtMs,
        group,
      })),
    faults: store.faults,
    onCall: (next) => void (hook = next),
    counters: store.counters,
    get connections() {
      return running.reduce((sum, listener) => sum + listener.connections, 0);
    },
    stop: async () => {
      ended.abort();
      await Promise.all([...listeners.values()].map(async (listener) => (await listener).stop()));
    },
  };
}

/** Of a name, a path or an URL. */
function nameOf(queue: unknown): string {
  return typeof queue === "string" ? queue.slice(queue.lastIndexOf("/") + 1) : "";
}

function askedFor({
  Entries: entries,
  MaxNumberOfMessages: most,
  ReceiptHandle: handle,
  MessageBody: body,
}: Request["wire"]["input"]): number {
  if (Array.isArray(entries)) return entries.length;
  return most === undefined ? Number(handle !== undefined || body !== undefined) : Number(most);
}
