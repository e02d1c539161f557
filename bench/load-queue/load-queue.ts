import { Backlog, type BacklogPlan } from "./backlog.ts";
import { BacklogContents, type Contents, SentContents } from "./contents.ts";
import { badHandle, QueueFault } from "./fault.ts";
import { HexWords } from "./hex-words.ts";
import type { HttpConnection } from "./http-connection.ts";
import { MessageStates } from "./message-states.ts";
import type { ReceiveWish } from "./receive-wish.ts";

export interface QueueCounters {
  /** Messages handed out, those that came again among them. */
  received: number;
  deleted: number;
  /** Deleted with a handle that was no longer the newest: such a delete is answered and not done. */
  staleDeletes: number;
  /** Calls. */
  receives: number;
  emptyReceives: number;
  deletes: number;
  visibilityChanges: number;
}

export interface LoadQueueOptions {
  readonly name: string;
  /** Tells handles of one queue from those of another. */
  readonly number: number;
  readonly visibilityMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** Null for a queue that is empty until something is sent. */
  readonly backlog: BacklogPlan | null;
  /** Told of everything that happens to messages. */
  readonly changed: (queue: LoadQueue) => void;
}

interface Waiter {
  readonly connection: HttpConnection;
  readonly wish: ReceiveWish;
  readonly untilMs: number;
}

/** About what a handle of SQS is long (API reference, ReceiveMessage, example): it weighs in what a consumer reads, signs and sends. */
const handleLength = 412;
const handlePrefix = "AQEB";
const handleHead = handlePrefix.length + 16;
const filler = "wJnKyrHigUMZj6rYigCgxlaS3SLy0a".repeat(14).slice(0, handleLength - handleHead);
/** An account's, as AWS's look. */
const senderId = "AIDAIENQZJOLO23YVJ4VO";
/** Long polls that wait are looked after so often. */
const tendMs = 25;

/** One queue: what is in it, and what is said of it. */
export class LoadQueue {
  readonly options: LoadQueueOptions;
  readonly counters: QueueCounters = {
    received: 0,
    deleted: 0,
    staleDeletes: 0,
    receives: 0,
    emptyReceives: 0,
    deletes: 0,
    visibilityChanges: 0,
  };
  readonly states: MessageStates;
  readonly #contents: Contents;
  readonly #hex: HexWords = new HexWords();
  #waiters: Waiter[] = [];
  #tending: NodeJS.Timeout | null = null;

  constructor(options: LoadQueueOptions) {
    this.options = options;
    const { backlog } = options;
    this.states = new MessageStates(backlog?.messages ?? 0, () => performance.now());
    this.#contents =
      backlog === null ? new SentContents(this.#hex, options.number) : new BacklogContents(new Backlog(backlog, Date.now()));
  }

  /** Everything was deleted that was ever here. */
  get isEmpty(): boolean {
    return this.states.visible === 0 && this.states.inFlight === 0;
  }

  /** @returns id and MD5 */
  send(body: string): { readonly id: string; readonly digest: string } {
    if (!(this.#contents instanceof SentContents)) {
      throw new QueueFault("AccessDenied", "Nothing can be sent to a queue with a backlog.");
    }
    const digest = this.#contents.add(body);
    return { id: this.#contents.idOf(this.states.add()), digest };
  }

  /** Answers with up to ten messages, at once or, where the call may wait, when there are some. */
  receive(connection: HttpConnection, wish: ReceiveWish): void {
    this.counters.receives += 1;
    this.states.sweep();
    if (this.states.visible > 0 || wish.waitMs === 0) {
      connection.answer(this.#take(wish));
      this.options.changed(this);
      return;
    }
    this.#waiters.push({ connection, wish, untilMs: performance.now() + wish.waitMs });
    this.#tending ??= setInterval(this.#tend, tendMs);
    this.options.changed(this);
  }

  delete(handle: string): void {
    const index = this.#read(handle);
    if (!this.states.isHere(index) || this.#receivesIn(handle) !== this.states.receives(index)) {
      // API reference, DeleteMessage: with an older handle "the request succeeds, but the message will not be deleted"
      this.counters.staleDeletes += 1;
      return;
    }
    this.counters.deleted += 1;
    this.states.delete(index, this.#contents.comesTwice(index));
  }

  changeVisibility(handle: string, visibilityMs: number): void {
    const index = this.#read(handle);
    this.states.sweep();
    if (!this.states.isHere(index) || this.#receivesIn(handle) !== this.states.receives(index)) {
      throw new QueueFault(
        "InvalidParameterValue",
        "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.",
      );
    }
    if (!this.states.isInFlight(index)) {
      throw new QueueFault(
        "MessageNotInflight",
        "The message referred to isn't in flight.",
        "AWS.SimpleQueueService.MessageNotInflight",
      );
    }
    this.states.hideFor(index, visibilityMs);
  }

  /** After a call that may have made messages visible. */
  serve(): void {
    if (this.#waiters.length > 0 && this.states.visible > 0) this.#tend();
    this.options.changed(this);
  }

  close(): void {
    for (const { connection } of this.#waiters) connection.answer("{}");
    this.#waiters = [];
    this.#rest();
  }

  #take(wish: ReceiveWish): string {
    const visibilityMs = wish.visibilityMs ?? this.options.visibilityMs;
    const nowMs = Date.now();
    let messages = "";
    let taken = 0;
    for (; taken < wish.limit; taken += 1) {
      const index = this.states.take(visibilityMs);
      if (index === -1) break;
      if (taken > 0) messages += ",";
      messages += this.#message(index, wish, nowMs);
    }
    this.counters.received += taken;
    if (taken === 0) this.counters.emptyReceives += 1;
    return taken === 0 ? "{}" : `{"Messages":[${messages}]}`;
  }

  #message(index: number, { attributes }: ReceiveWish, nowMs: number): string {
    const receives = this.states.receives(index);
    const contents = this.#contents;
    const message = `{"MessageId":"${contents.idOf(index)}","ReceiptHandle":"${this.#handle(index, receives)}",${contents.wireOf(index)}`;
    if (attributes === "none") return `${message}}`;
    const sent = contents.sentAtMs(index);
    if (attributes === "all") {
      // the first receive is not remembered: its time is that of the newest
      return `${message},"Attributes":{"SenderId":"${senderId}","ApproximateFirstReceiveTimestamp":"${nowMs}","ApproximateReceiveCount":"${receives}","SentTimestamp":"${sent}"}}`;
    }
    const all = {
      SenderId: senderId,
      ApproximateFirstReceiveTimestamp: String(nowMs),
      ApproximateReceiveCount: String(receives),
      SentTimestamp: String(sent),
    };
    const chosen = Object.entries(all).filter(([name]) => attributes.has(name));
    return chosen.length === 0 ? `${message}}` : `${message},"Attributes":${JSON.stringify(Object.fromEntries(chosen))}}`;
  }

  #handle(index: number, receives: number): string {
    return `${handlePrefix}${this.#hex.four(this.options.number)}${this.#hex.eight(index)}${this.#hex.four(receives)}${filler}`;
  }

  /** @returns the message's number */
  #read(handle: string): number {
    if (handle.length !== handleLength || !handle.startsWith(handlePrefix)) throw badHandle();
    const [number, index] = [Number.parseInt(handle.slice(4, 8), 16), Number.parseInt(handle.slice(8, 16), 16)];
    if (number !== this.options.number || !Number.isInteger(index)) throw badHandle();
    return index;
  }

  #receivesIn(handle: string): number {
    return Number.parseInt(handle.slice(16, 20), 16);
  }

  readonly #tend = (): void => {
    this.states.sweep();
    const nowMs = performance.now();
    const waiting: Waiter[] = [];
    for (const waiter of this.#waiters) {
      if (waiter.connection.isGone) continue;
      if (this.states.visible > 0 || waiter.untilMs <= nowMs) waiter.connection.answer(this.#take(waiter.wish));
      else waiting.push(waiter);
    }
    this.#waiters = waiting;
    if (waiting.length === 0) this.#rest();
  };

  #rest(): void {
    if (this.#tending !== null) clearInterval(this.#tending);
    this.#tending = null;
  }
}
