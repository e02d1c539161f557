import type { SampleRandom } from "../../../src/demo/sample-random.ts";
import type { Message } from "./message.ts";

/** In which order a queue hands out what is visible. It is told of every change of a message's state. */
export interface Order {
  /** A message is visible now: new, released, or its time is over. */
  shown(message: Message): void;
  /** Up to `limit` messages that may be handed out now; they count as handed out. */
  take(limit: number): Message[];
  /** A message that was in flight is so no more: deleted or visible again. */
  landed(message: Message): void;
}

/** First in, first out as far as nothing comes between; `shuffle` says how often another of the next hundred goes first. */
export class StandardOrder implements Order {
  readonly #random: SampleRandom;
  readonly #shuffle: () => number;
  #ready: Message[] = [];
  #head = 0;

  constructor(random: SampleRandom, shuffle: () => number) {
    this.#random = random;
    this.#shuffle = shuffle;
  }

  shown(message: Message): void {
    this.#ready.push(message);
  }

  take(limit: number): Message[] {
    const taken: Message[] = [];
    const share = this.#shuffle();
    while (taken.length < limit && this.#head < this.#ready.length) {
      if (share > 0 && this.#random.chance(share)) this.#swapFirst();
      const message = this.#ready[this.#head] as Message;
      this.#head += 1;
      // deleted while it was visible, by who had it last
      if (message.state === "ready") taken.push(message);
    }
    if (this.#head > 1_000 && this.#head * 2 > this.#ready.length) {
      this.#ready = this.#ready.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  landed(): void {}

  #swapFirst(): void {
    const other = this.#head + this.#random.below(Math.min(100, this.#ready.length - this.#head));
    const first = this.#ready[this.#head] as Message;
    this.#ready[this.#head] = this.#ready[other] as Message;
    this.#ready[other] = first;
  }
}

interface Group {
  readonly name: string;
  /** In order; deleted ones are skipped. */
  messages: Message[];
  head: number;
  inFlight: number;
  /** Stands among the groups that may be asked. */
  queued: boolean;
}

/** Each group in its order; a group of which a message is in flight gives nothing. */
export class GroupOrder implements Order {
  readonly #groups = new Map<string, Group>();
  #open: Group[] = [];

  shown(message: Message): void {
    const group = this.#group(message);
    // one that comes back has kept its place
    if (message.grip === 0) group.messages.push(message);
    this.#queue(group);
  }

  take(limit: number): Message[] {
    const taken: Message[] = [];
    while (taken.length < limit) {
      const group = this.#open.shift();
      if (group === undefined) break;
      group.queued = false;
      for (let place = this.#start(group); place < group.messages.length && taken.length < limit; place += 1) {
        const message = group.messages[place] as Message;
        if (message.state === "gone") continue;
        if (message.state !== "ready") break;
        taken.push(message);
        group.inFlight += 1;
      }
      if (group.messages.length === 0) this.#groups.delete(group.name);
    }
    return taken;
  }

  landed(message: Message): void {
    const group = this.#group(message);
    group.inFlight -= 1;
    this.#queue(group);
  }

  #group({ group }: Message): Group {
    const name = group ?? "";
    let found = this.#groups.get(name);
    if (found === undefined) this.#groups.set(name, (found = { name, messages: [], head: 0, inFlight: 0, queued: false }));
    return found;
  }

  #queue(group: Group): void {
    if (group.queued || group.inFlight > 0) return;
    group.queued = true;
    this.#open.push(group);
  }

  /** Where the group's first message is that is still there. */
  #start(group: Group): number {
    while (group.messages[group.head]?.state === "gone") group.head += 1;
    if (group.head === group.messages.length || group.head > 1_000) {
      group.messages = group.messages.slice(group.head);
      group.head = 0;
    }
    return group.head;
  }
}
