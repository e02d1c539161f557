import { hash } from "node:crypto";

import type { SampleRandom } from "../../../src/demo/sample-random.ts";
import type { Clock } from "../../../src/pipeline/clock.ts";
import { Copies } from "./copies.ts";
import type { QueueCounters } from "./counters.ts";
import { Deduplication } from "./deduplication.ts";
import { invalidValue, missingParameter, QueueFault, serviceFault } from "./fault.ts";
import type { QueueFaults } from "./faults.ts";
import type { Message, NewMessage } from "./message.ts";
import { GroupOrder, StandardOrder } from "./order.ts";
import { checkAttributes, defaultAttributes, type QueueSettings, readSettings } from "./settings.ts";
import { Shelf } from "./shelf.ts";
import { Waiters } from "./waiters.ts";

/** What a queue has of the server it is part of. */
export interface QueueSurroundings {
  readonly clock: Clock;
  readonly random: SampleRandom;
  readonly faults: QueueFaults;
  readonly counters: QueueCounters;
  readonly ended: AbortSignal;
  readonly newId: () => string;
  readonly findByArn: (arn: string) => StoredQueue | null;
}

export interface ReceiveWish {
  readonly limit: number;
  readonly waitMs: number;
  /** null: the queue's own. */
  readonly visibilityMs: number | null;
}

/** A message as it is handed out once. */
export interface HandedOut {
  readonly message: Message;
  readonly handle: string;
  readonly receives: number;
}

export type Sent = Pick<Message, "id" | "bodyMd5" | "sequence">;

/** AWS's limit of messages in flight. */
const mostInFlight = 120_000;
const noDeduplication =
  "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";

/** One queue: what AWS says of sending, receiving, deleting, visibility and dead letters, and the faults of messages. */
export class StoredQueue {
  readonly name: string;
  readonly arn: string;
  readonly createdAtS: number;
  readonly attributes: Record<string, string>;
  settings: QueueSettings;
  /** Receipt handles begin with it. */
  readonly #number: string;
  readonly #around: QueueSurroundings;
  readonly #shelf: Shelf;
  readonly #waiters: Waiters<ReceiveWish, HandedOut>;
  readonly #sentBefore: Deduplication<Sent>;
  readonly #copies: Copies;
  #serial = 0;

  constructor(name: string, number: number, attributes: Readonly<Record<string, string>>, around: QueueSurroundings) {
    checkAttributes(attributes);
    this.name = name;
    this.arn = `arn:aws:sqs:us-east-1:000000000000:${name}`;
    this.attributes = { ...defaultAttributes(), ...attributes };
    this.settings = readSettings(this.attributes);
    this.createdAtS = Math.floor(around.clock.now() / 1_000);
    this.#number = String(number);
    this.#around = around;
    const order = this.settings.fifo ? new GroupOrder() : new StandardOrder(around.random, () => around.faults.reordered);
    this.#shelf = new Shelf(around.clock, order);
    this.#copies = new Copies(around.random);
    this.#sentBefore = new Deduplication(around.clock);
    this.#waiters = new Waiters(around.clock, around.ended, {
      take: (wish) => this.#take(wish),
      nextMs: () => this.#shelf.nextMs,
    });
  }

  get counts(): Shelf["counts"] {
    this.#shelf.showDue();
    return this.#shelf.counts;
  }

  /** What is not deleted, in order of arrival. */
  messages(): Iterable<Message> {
    this.#shelf.showDue();
    return this.#shelf.all();
  }

  set(attributes: Readonly<Record<string, string>>): void {
    checkAttributes(attributes);
    this.settings = readSettings({ ...this.attributes, ...attributes });
    Object.assign(this.attributes, attributes);
  }

  /** Puts a message there; parked receives are answered by `wake`. */
  send(message: NewMessage): Sent {
    const { fifo, byContent, delayMs } = this.settings;
    const deduplicationId = message.deduplicationId ?? (byContent ? hash("sha256", message.body) : null);
    if (fifo) {
      if (message.group === null) throw missingParameter("MessageGroupId");
      if (deduplicationId === null) throw invalidValue("MessageDeduplicationId", null, noDeduplication);
      const before = this.#sentBefore.find(deduplicationId);
      if (before !== null) return before;
    }
    const added = this.#add(
      {
        id: this.#around.newId(),
        body: message.body,
        bodyMd5: hash("md5", message.body),
        sentAtMs: this.#around.clock.now(),
        attributes: message.attributes,
        group: message.group,
        deduplicationId,
        diedIn: null,
        receives: 0,
        firstReceivedAtMs: null,
      },
      message.delayMs ?? delayMs,
    );
    if (fifo && deduplicationId !== null) this.#sentBefore.note(deduplicationId, added);
    return added;
  }

  /** Answers parked receives as far as there are messages for them. */
  wake(): void {
    this.#waiters.wake();
  }

  /** @param gone aborted when the one who asks is there no more */
  async receive(wish: ReceiveWish, gone: AbortSignal): Promise<readonly HandedOut[]> {
    const { faults, random } = this.#around;
    if (faults.emptyReceives > 0 && this.counts.visible > 0 && random.chance(faults.emptyReceives)) return [];
    const taken = this.#take(wish);
    if (taken.length > 0) return taken;
    if (wish.waitMs > 0) return this.#waiters.park(wish, gone);
    // API reference, ReceiveMessage: a long poll is answered with nothing instead
    if (this.#shelf.counts.inFlight >= mostInFlight)
      throw new QueueFault("OverLimit", "Too many messages are in flight.", { status: 403 });
    return taken;
  }

  /** @throws QueueFault for a handle that is not this queue's, or is over on a FIFO queue */
  delete(handle: string): void {
    this.#shelf.showDue();
    const { message, grip } = this.#find(handle);
    const { counters, faults, random } = this.#around;
    const { fifo } = this.settings;
    if (fifo && message !== null && (grip !== message.grip || message.state !== "hidden")) {
      throw invalidValue("ReceiptHandle", handle, "The receipt handle has expired.");
    }
    if (message === null || grip !== message.grip) {
      // API reference, DeleteMessage: with an older handle "the request succeeds, but the message will not be deleted"
      counters.staleDeletes += 1;
    } else if (!fifo && faults.forgottenDeletes > 0 && random.chance(faults.forgottenDeletes)) {
      counters.forgottenDeletes += 1;
    } else {
      counters.deletes += 1;
      this.#shelf.remove(message);
      if (fifo) this.wake();
    }
  }

  /** @throws QueueFault where the handle is not good for that */
  changeVisibility(handle: string, visibilityMs: number): void {
    this.#shelf.showDue();
    const { message, grip } = this.#find(handle);
    if (message?.grip === grip && message.state === "hidden") {
      if (visibilityMs > 0) return this.#shelf.hideUntil(message, this.#around.clock.elapsed() + visibilityMs);
      this.#shelf.show(message);
      return this.wake();
    }
    if (this.#around.faults.quietStaleHandles) return;
    if (message?.grip === grip) throw serviceFault("MessageNotInflight", "The message referred to isn't in flight.");
    throw invalidValue("ReceiptHandle", handle, "Message does not exist or is not available for visibility timeout change.");
  }

  /**
   * Moves what is visible to where it died, or to `target`, as new messages with new ids and times (developer guide, "Configure a
   * dead-letter queue redrive").
   */
  redrive(target: StoredQueue | null): number {
    let moved = 0;
    for (const message of this.messages()) {
      const to = target ?? (message.diedIn === null ? null : this.#around.findByArn(message.diedIn));
      if (message.state !== "ready" || to === null) continue;
      this.#shelf.remove(message);
      to.send({ ...message, deduplicationId: to.settings.fifo ? message.id : null, delayMs: 0 });
      to.wake();
      moved += 1;
    }
    return moved;
  }

  #add(message: Omit<Message, "serial" | "sequence" | "spent" | "state" | "visibleAtMs" | "grip">, delayMs: number): Message {
    const serial = (this.#serial += 1);
    const added: Message = {
      ...message,
      serial,
      // twenty digits, as AWS's
      sequence: this.settings.fifo ? `188${String(serial).padStart(17, "0")}` : null,
      spent: 0,
      state: delayMs > 0 ? "delayed" : "ready",
      visibleAtMs: this.#around.clock.elapsed() + delayMs,
      grip: 0,
    };
    this.#shelf.add(added);
    return added;
  }

  /** Takes over a message that died in another queue: it keeps its id, and on a standard queue its sent time. */
  #adopt(dead: Message, diedIn: string): void {
    const { fifo } = this.settings;
    const sentAtMs = fifo ? this.#around.clock.now() : dead.sentAtMs;
    this.#add({ ...dead, diedIn, sentAtMs, deduplicationId: fifo ? dead.id : dead.deduplicationId }, 0);
    this.wake();
  }

  #take({ limit, visibilityMs }: ReceiveWish): HandedOut[] {
    this.#shelf.showDue();
    const { visible, inFlight } = this.#shelf.counts;
    if (visible === 0) return [];
    const { clock, faults, counters } = this.#around;
    const untilMs = clock.elapsed() + (visibilityMs ?? this.settings.visibilityMs);
    const room = Math.min(limit, mostInFlight - inFlight);
    const copied = faults.duplicates > 0 && !this.settings.fifo ? this.#copies.draw(room, faults.duplicates) : [];
    counters.duplicates += copied.length;
    const taken = copied.map((message) => this.#handOut(message, untilMs));
    while (taken.length < room) {
      const some = this.#shelf.take(room - taken.length);
      if (some.length === 0) break;
      for (const message of some) {
        if (this.#died(message)) continue;
        if (message.receives > 0) counters.redeliveries += 1;
        message.spent += 1;
        if (faults.duplicates > 0) this.#copies.note(message);
        taken.push(this.#handOut(message, untilMs));
      }
    }
    return taken;
  }

  #handOut(message: Message, hiddenUntilMs: number): HandedOut {
    const { counters, clock } = this.#around;
    counters.deliveries += 1;
    message.receives += 1;
    message.grip += 1;
    message.firstReceivedAtMs ??= clock.now();
    this.#shelf.hideUntil(message, hiddenUntilMs);
    return { message, handle: `${this.#number}.${message.serial}.${message.grip}`, receives: message.receives };
  }

  /** Moves a message that has been received too often to the dead-letter queue, if there is one. */
  #died(message: Message): boolean {
    const { deadLetters } = this.settings;
    if (deadLetters === null || message.spent < deadLetters.maxReceives) return false;
    const target = this.#around.findByArn(deadLetters.arn);
    if (target === null) return false;
    this.#shelf.remove(message);
    this.#around.counters.deadLetters += 1;
    target.#adopt(message, this.arn);
    return true;
  }

  #find(handle: string): { readonly message: Message | null; readonly grip: number } {
    const first = handle.indexOf(".");
    const second = handle.indexOf(".", first + 1);
    const serial = Number(handle.slice(first + 1, second));
    const grip = Number(handle.slice(second + 1));
    if (handle.slice(0, first) !== this.#number || second === -1 || !(serial <= this.#serial) || Number.isNaN(grip)) {
      throw new QueueFault("ReceiptHandleIsInvalid", `The input receipt handle "${handle}" is not a valid receipt handle.`);
    }
    return { message: this.#shelf.get(serial), grip };
  }
}
