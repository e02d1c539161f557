import type { Clock } from "../../../src/pipeline/clock.ts";
import { Deadlines } from "./deadlines.ts";
import type { Message } from "./message.ts";
import type { Order } from "./order.ts";

/** The messages of a queue and where each stands: ready, hidden, delayed. Every change of a state is made here. */
export class Shelf {
  readonly #clock: Clock;
  readonly #order: Order;
  readonly #messages = new Map<number, Message>();
  readonly #deadlines = new Deadlines();
  #hidden = 0;
  #delayed = 0;

  constructor(clock: Clock, order: Order) {
    this.#clock = clock;
    this.#order = order;
  }

  get counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    return { visible: this.#messages.size - this.#hidden - this.#delayed, inFlight: this.#hidden, delayed: this.#delayed };
  }

  /** When the next message becomes visible by itself. */
  get nextMs(): number {
    return this.#deadlines.nextMs;
  }

  /** In order of arrival. */
  all(): Iterable<Message> {
    return this.#messages.values();
  }

  get(serial: number): Message | null {
    return this.#messages.get(serial) ?? null;
  }

  /** Puts a new message there; `delayed` ones until their time. */
  add(message: Message): void {
    this.#messages.set(message.serial, message);
    if (message.state === "delayed") {
      this.#delayed += 1;
      this.#deadlines.add(message);
    } else {
      this.#order.shown(message);
    }
  }

  /** Shows what has become visible by itself; to be called before anything is looked at. */
  showDue(): void {
    const nowMs = this.#clock.elapsed();
    if (this.#deadlines.nextMs > nowMs) return;
    for (let due = this.#deadlines.takeDue(nowMs); due !== null; due = this.#deadlines.takeDue(nowMs)) this.show(due);
  }

  /** Takes up to `limit` messages that are ready; they are hidden then, without a time. */
  take(limit: number): readonly Message[] {
    const taken = this.#order.take(limit);
    for (const message of taken) message.state = "hidden";
    this.#hidden += taken.length;
    return taken;
  }

  hideUntil(message: Message, visibleAtMs: number): void {
    message.visibleAtMs = visibleAtMs;
    this.#deadlines.add(message);
  }

  show(message: Message): void {
    const wasHidden = message.state === "hidden";
    message.state = "ready";
    if (wasHidden) {
      this.#hidden -= 1;
      this.#order.landed(message);
    } else {
      this.#delayed -= 1;
    }
    this.#order.shown(message);
  }

  remove(message: Message): void {
    const was = message.state;
    message.state = "gone";
    this.#messages.delete(message.serial);
    if (was === "delayed") this.#delayed -= 1;
    if (was !== "hidden") return;
    this.#hidden -= 1;
    this.#order.landed(message);
    this.#deadlines.compact(this.#hidden + this.#delayed);
  }
}
