import type { Message } from "@aws-sdk/client-sqs";

import { MasklineError } from "../../errors.ts";
import type { Clock } from "../../pipeline/clock.ts";
import type { Delivery, Settlement, Source } from "../../pipeline/ports.ts";
import type { Report } from "../../pipeline/report.ts";
import type { DrainRule } from "./drain-rule.ts";
import type { Grip, Queue } from "./queue.ts";
import { Turn } from "./turn.ts";

export interface SqsSourceOptions {
  /** Receives at most this many times at once, and deletes likewise. */
  readonly parallelCalls: number;
  /** How long an idle receive waits, 1 to 20. */
  readonly waitSeconds: number;
  /** A batch closes when its bodies reach this many bytes. */
  readonly batchBytes: number;
  /** A batch closes after this long, however small. */
  readonly lingerMs: number;
  /** Ask for message attributes too. */
  readonly withAttributes: boolean;
  /** Says when the queue counts as empty; null to go on for ever. */
  readonly drain: DrainRule | null;
}

/** SQS hands out ten messages a call and takes ten deletes a call. */
const callSize = 10;
const deleteAttempts = 3;
const earlyPauseMs = 500;

/**
 * Deliveries from an SQS queue. Idle, it parks one long poll, whatever the number of lanes; while receives come back full, a batch is
 * gathered by receiving in parallel. Deletes go in parallel tens; what cannot be deleted comes again and is a duplicate then.
 */
export class SqsSource implements Source {
  readonly #queue: Queue;
  readonly #options: SqsSourceOptions;
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #turn = new Turn();

  constructor(queue: Queue, options: SqsSourceOptions, clock: Clock, report: Report) {
    this.#queue = queue;
    this.#options = options;
    this.#clock = clock;
    this.#report = report;
  }

  async receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    const release = await this.#turn.take(signal);
    try {
      return signal.aborted ? [] : await this.#gather(limit, signal);
    } finally {
      release();
    }
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const grips = (returned: boolean): Grip[] =>
      settlements.flatMap(({ delivery, outcome }) => ((outcome === "returned") === returned ? [delivery] : []));
    await Promise.all([this.#delete(grips(false)), this.#release(grips(true))]);
  }

  async close(): Promise<void> {
    this.#queue.close();
  }

  async #gather(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    const { drain, batchBytes, lingerMs } = this.#options;
    const gathered = await this.#receiveFirst(Math.min(limit, callSize), signal);
    if (gathered.length === 0) {
      return (await drain?.isEmpty(this.#clock.now(), () => this.#queue.facts(signal))) ? null : [];
    }
    const startedAtMs = this.#clock.now();
    let size = measure(gathered);
    // A call that is not full says little: SQS asks only some of its servers. So there is a second round in any case.
    let calls = gathered.length === callSize ? this.#callsFor(limit - gathered.length, size) : 1;
    while (
      calls > 0 &&
      gathered.length < limit &&
      size.bytes < batchBytes &&
      !signal.aborted &&
      this.#clock.now() - startedAtMs < lingerMs
    ) {
      const room = limit - gathered.length;
      const round = await Promise.allSettled(
        Array.from({ length: calls }, (_, call) => this.#receiveOnce(Math.min(callSize, room - call * callSize), 0, signal)),
      );
      // A call that failed beside others that brought messages is not an outage yet: the next receive will tell.
      const brought = round.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
      gathered.push(...brought);
      size = measure(brought, size);
      calls = brought.length >= (calls * callSize) / 2 ? this.#callsFor(limit - gathered.length, size) : 0;
    }
    drain?.sawMessages(this.#clock.now());
    return gathered;
  }

  /** The call that waits when the queue is idle. A server that does not keep it waiting is not asked again at once. */
  async #receiveFirst(limit: number, signal: AbortSignal): Promise<Delivery[]> {
    const askedAtMs = this.#clock.now();
    const waitSeconds = Math.min(this.#options.waitSeconds, this.#options.drain?.longestWaitSeconds(askedAtMs) ?? Infinity);
    const deliveries = await this.#receiveOnce(limit, waitSeconds, signal);
    const early = this.#clock.now() - askedAtMs < (waitSeconds * 1_000) / 2;
    if (deliveries.length === 0 && early && !signal.aborted) await this.#clock.sleep(earlyPauseMs, signal);
    return deliveries;
  }

  /** How many calls may go out at once: as many as there is room for, reckoned with ten bodies each as large as the largest so far. */
  #callsFor(room: number, { bytes, largestBytes }: Size): number {
    const byBytes = Math.max(1, Math.floor((this.#options.batchBytes - bytes) / (Math.max(1, largestBytes) * callSize)));
    return Math.min(this.#options.parallelCalls, byBytes, Math.ceil(room / callSize));
  }

  async #receiveOnce(limit: number, waitSeconds: number, signal: AbortSignal): Promise<Delivery[]> {
    try {
      const messages = await this.#queue.receive({ limit, waitSeconds, withAttributes: this.#options.withAttributes }, signal);
      const receivedAtMs = this.#clock.now();
      return messages.map((message) => readMessage(message, receivedAtMs));
    } catch (error) {
      if (signal.aborted) return [];
      throw error;
    }
  }

  async #delete(grips: readonly Grip[]): Promise<void> {
    let left = grips;
    for (let attempt = 0; attempt < deleteAttempts && left.length > 0; attempt += 1) {
      left = (
        await this.#inTens(left, async (ten) => {
          const failed = await this.#queue.deleteBatch(ten).catch(() => ten.map((_, place) => place));
          return failed.flatMap((place) => ten[place] ?? []);
        })
      ).flat();
    }
    if (left.length > 0) this.#report({ kind: "undeleted", messages: left.length });
  }

  /** A release that fails changes nothing but the time: the message comes back when its visibility runs out. */
  async #release(grips: readonly Grip[]): Promise<void> {
    await this.#inTens(grips, (ten) => this.#queue.releaseBatch(ten, 0).catch(() => {}));
  }

  /** Calls with ten at a time, at most `parallelCalls` at once. */
  async #inTens<T>(grips: readonly Grip[], call: (ten: readonly Grip[]) => Promise<T>): Promise<T[]> {
    const answers: T[] = [];
    const stride = callSize * this.#options.parallelCalls;
    for (let start = 0; start < grips.length; start += stride) {
      const round = grips.slice(start, start + stride);
      const tens = Array.from({ length: Math.ceil(round.length / callSize) }, (_, ten) =>
        round.slice(ten * callSize, (ten + 1) * callSize),
      );
      answers.push(...(await Promise.all(tens.map(call))));
    }
    return answers;
  }
}

/** What the bodies of a batch come to. */
interface Size {
  readonly bytes: number;
  readonly largestBytes: number;
}

/** The size of a batch after these have joined it; each body is measured once. */
function measure(deliveries: readonly Delivery[], before: Size = { bytes: 0, largestBytes: 0 }): Size {
  let { bytes, largestBytes } = before;
  for (const { body } of deliveries) {
    const length = Buffer.byteLength(body);
    bytes += length;
    largestBytes = Math.max(largestBytes, length);
  }
  return { bytes, largestBytes };
}

/**
 * Reads a message as SQS hands it over (API reference, ReceiveMessage).
 * @throws MasklineError `queue_refused` for one without an id or a handle: it could not be told from others, nor deleted
 */
export function readMessage(message: Message, receivedAtMs: number): Delivery {
  const { MessageId: id, ReceiptHandle: handle } = message;
  if (!id || !handle) {
    throw new MasklineError("queue_refused", "the queue handed out a message without an id or a handle", {
      next: "this server does not speak SQS as AWS does; nothing was deleted",
    });
  }
  const system = message.Attributes ?? {};
  const attempt = Number(system.ApproximateReceiveCount ?? 1);
  const sentAtMs = Number(system.SentTimestamp);
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(message.MessageAttributes ?? {})) {
    if (value.StringValue !== undefined) attributes[name] = value.StringValue;
  }
  return {
    id,
    body: message.Body ?? "",
    sentAtMs: Number.isFinite(sentAtMs) && sentAtMs > 0 ? sentAtMs : null,
    receivedAtMs,
    attempt: Number.isSafeInteger(attempt) ? attempt : 1,
    groupId: system.MessageGroupId ?? null,
    attributes,
    handle,
  };
}
