/** Ends a call that has no answer in time, or whose caller no longer wants one. Stands still while an answer waits to be read. */
export class CallDeadline {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #limitMs: number;
  readonly #abort = (): void => this.#controller.abort();
  #timer: NodeJS.Timeout | undefined;
  #passed = false;

  constructor(limitMs: number, caller: AbortSignal | undefined) {
    this.#limitMs = limitMs;
    this.#caller = caller;
    caller?.addEventListener("abort", this.#abort, { once: true });
    if (caller?.aborted === true) this.#abort();
    this.start();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** The time ran out, and not the caller's patience. */
  get passed(): boolean {
    return this.#passed;
  }

  /** Gives the call its whole time again. */
  start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#passed = true;
      this.#abort();
    }, this.#limitMs);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#abort);
  }
}
