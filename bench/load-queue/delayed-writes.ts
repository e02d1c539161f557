/** Where an answer goes. */
export interface Writes {
  write(text: string): void;
}

/**
 * Writes each answer a fixed time after it was given. As the time is the same for all, they are due in the order they came: one queue and
 * one timer, whatever is under way.
 */
export class DelayedWrites {
  readonly #latencyMs: number;
  #targets: Writes[] = [];
  #texts: string[] = [];
  #dueAtMs: number[] = [];
  #first = 0;
  #isWaiting = false;
  #date = "";
  #dateUntilMs = 0;

  constructor(latencyMs: number) {
    this.#latencyMs = latencyMs;
  }

  /** Now, as HTTP writes it; clients set their clock by it. */
  get date(): string {
    const nowMs = Date.now();
    if (nowMs >= this.#dateUntilMs) {
      this.#date = new Date(nowMs).toUTCString();
      this.#dateUntilMs = nowMs - (nowMs % 1_000) + 1_000;
    }
    return this.#date;
  }

  add(target: Writes, text: string): void {
    if (this.#latencyMs === 0) {
      target.write(text);
      return;
    }
    this.#targets.push(target);
    this.#texts.push(text);
    this.#dueAtMs.push(performance.now() + this.#latencyMs);
    if (!this.#isWaiting) this.#wait(this.#latencyMs);
  }

  readonly #writeDue = (): void => {
    const nowMs = performance.now();
    this.#isWaiting = false;
    for (let due = this.#dueAtMs[this.#first]; due !== undefined && due <= nowMs; due = this.#dueAtMs[this.#first]) {
      const [target, text] = [this.#targets[this.#first], this.#texts[this.#first]];
      this.#first += 1;
      target?.write(text ?? "");
    }
    const next = this.#dueAtMs[this.#first];
    if (next === undefined) {
      this.#targets = [];
      this.#texts = [];
      this.#dueAtMs = [];
      this.#first = 0;
    } else {
      if (this.#first > 4_096) this.#forgetWritten();
      if (!this.#isWaiting) this.#wait(Math.ceil(next - nowMs));
    }
  };

  #wait(forMs: number): void {
    this.#isWaiting = true;
    setTimeout(this.#writeDue, forMs);
  }

  #forgetWritten(): void {
    this.#targets = this.#targets.slice(this.#first);
    this.#texts = this.#texts.slice(this.#first);
    this.#dueAtMs = this.#dueAtMs.slice(this.#first);
    this.#first = 0;
  }
}
