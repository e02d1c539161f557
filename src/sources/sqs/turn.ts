/** Lets one caller at a time through, in the order they came. */
export class Turn {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is the caller's turn, or at once when `signal` is aborted. The answer ends the turn. */
  async take(signal: AbortSignal): Promise<() => void> {
    const before = this.#last;
    const mine = Promise.withResolvers<void>();
    this.#last = before.then(() => mine.promise);
    const aborted = Promise.withResolvers<void>();
    const abort = (): void => aborted.resolve();
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
    await Promise.race([before, aborted.promise]);
    signal.removeEventListener("abort", abort);
    return mine.resolve;
  }
}
