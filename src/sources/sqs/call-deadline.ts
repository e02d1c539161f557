/** What a deadline ends. */
export interface Ending {
  abort(): void;
}

/** A call that was given up from here; named as the SDK and the platform name it. */
export class CallAborted extends Error {
  override readonly name = "AbortError";
}

/** Ends a call that has no answer in time, or whose caller no longer wants one. Stands still while an answer waits to be read. */
export class CallDeadline {
  readonly #caller: AbortSignal | undefined;
  readonly #limitMs: number;
  readonly #abort = (): void => this.#end();
  /** Made when asked for: most calls do without. */
  #controller: AbortController | null = null;
  #ending: Ending | null = null;
  #timer: NodeJS.Timeout | undefined;
  #passed = false;
  #isOver = false;

  constructor(limitMs: number, caller: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#caller = caller;
    if (caller?.aborted === true) this.#isOver = true;
    else caller?.addEventListener("abort", this.#abort, { once: true });
    this.start();
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isOver) this.#controller.abort();
    return this.#controller.signal;
  }

  /** The time ran out, and not the caller's patience. */
  get passed(): boolean {
    return this.#passed;
  }

  /** The time ran out, or the caller no longer wants an answer. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborts this, and no longer what was named before, when it is over: now, if it is. */
  ends(ending: Ending | null): void {
    this.#ending = ending;
    if (this.#isOver) ending?.abort();
  }

  /** What `work` comes to; rejects as soon as the deadline is over, whatever becomes of `work` then. */
  async within<T>(work: Promise<T>): Promise<T> {
    const over = Promise.withResolvers<never>();
    const ending: Ending = { abort: () => over.reject(new CallAborted()) };
    this.ends(ending);
    try {
      return await Promise.race([work, over.promise]);
    } finally {
      this.ends(null);
    }
  }

  /** Gives the call its whole time again. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(passDeadline, this.#limitMs, this);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#ending = null;
    this.#caller?.removeEventListener("abort", this.#abort);
  }

  pass(): void {
    this.#passed = true;
    this.#end();
  }

  #end(): void {
    this.#isOver = true;
    this.#controller?.abort();
    this.#ending?.abort();
  }
}

/** One function for all timers: a closure for each call would cost more than the timer. */
function passDeadline(deadline: CallDeadline): void {
  deadline.pass();
}
