import type { Message } from "./message.ts";

/** Messages by the moment at which they become visible: a binary heap on two arrays. What has changed since stays in until its time. */
export class Deadlines {
  readonly #at: number[] = [];
  readonly #messages: Message[] = [];

  get size(): number {
    return this.#at.length;
  }

  /** Of the earliest; Infinity when there is none. */
  get nextMs(): number {
    return this.#at[0] ?? Infinity;
  }

  /** Notes the message under its present `visibleAtMs`. */
  add(message: Message): void {
    let place = this.#at.length;
    const at = message.visibleAtMs;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const parentAt = this.#at[parent] as number;
      if (parentAt <= at) break;
      this.#at[place] = parentAt;
      this.#messages[place] = this.#messages[parent] as Message;
      place = parent;
    }
    this.#at[place] = at;
    this.#messages[place] = message;
  }

  /** Takes out the next one whose time has come and has not been changed since; null when there is none. */
  takeDue(nowMs: number): Message | null {
    while (this.nextMs <= nowMs) {
      const at = this.nextMs;
      const message = this.#takeFirst();
      if (isCurrent(message, at)) return message;
    }
    return null;
  }

  /** Drops what no longer means anything, where that is most of it: deleted messages would be held until their time otherwise. */
  compact(live: number): void {
    if (this.size < 10_000 || this.size < live * 2) return;
    const kept = this.#messages.filter((message, place) => isCurrent(message, this.#at[place] as number));
    this.#at.length = 0;
    this.#messages.length = 0;
    for (const message of kept) this.add(message);
  }

  #takeFirst(): Message {
    const first = this.#messages[0] as Message;
    const at = this.#at.pop() as number;
    const message = this.#messages.pop() as Message;
    const { length } = this.#at;
    if (length === 0) return first;
    let place = 0;
    for (;;) {
      let child = place * 2 + 1;
      if (child >= length) break;
      if (child + 1 < length && (this.#at[child + 1] as number) < (this.#at[child] as number)) child += 1;
      if ((this.#at[child] as number) >= at) break;
      this.#at[place] = this.#at[child] as number;
      this.#messages[place] = this.#messages[child] as Message;
      place = child;
    }
    this.#at[place] = at;
    this.#messages[place] = message;
    return first;
  }
}

function isCurrent(message: Message, at: number): boolean {
  return message.visibleAtMs === at && (message.state === "hidden" || message.state === "delayed");
}
