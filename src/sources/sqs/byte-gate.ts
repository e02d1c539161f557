import { Line } from "./line.ts";

interface WaitingAnswer {
  readonly bytes: number;
  readonly admitted: PromiseWithResolvers<boolean>;
}

/**
 * The ceiling of the bytes held. An answer is admitted before its body is read, in the order answers came; what it weighs while it is
 * read becomes what its messages weigh, and they give it back when they settle.
 *
 * No deadlock: an answer that is larger than the ceiling is admitted when nothing is held, and what is held is always given back. It is
 * either in a lane's hands (a lane settles its batch, at the latest when its time to hold is over, and waits for nothing here meanwhile), or
 * waits for a lane (a batch closes when its time is over, however few came, so a waiting lane takes it; without a lane its lease
 * runs out and it goes back to the queue), or is being read (an answer that is not read to its end in time is given up).
 */
export class ByteGate {
  readonly #capacity: number;
  readonly #onRoom: () => void;
  readonly #waiting = new Line<WaitingAnswer>();
  #used = 0;

  /** @param onRoom told when bytes have been given back */
  constructor(capacity: number, onRoom: () => void) {
    this.#capacity = capacity;
    this.#onRoom = onRoom;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether so many bytes would be admitted now. */
  fits(bytes: number): boolean {
    return this.#waiting.length === 0 && this.#hasRoomFor(bytes);
  }

  tryAdmit(bytes: number): boolean {
    const fits = this.fits(bytes);
    if (fits) this.#used += bytes;
    return fits;
  }

  /** Resolves to whether there was room before `until` was aborted. */
  async admit(bytes: number, until: AbortSignal): Promise<boolean> {
    if (until.aborted) return false;
    if (this.tryAdmit(bytes)) return true;
    const answer: WaitingAnswer = { bytes, admitted: Promise.withResolvers() };
    this.#waiting.push(answer);
    const giveUp = (): void => {
      if (this.#waiting.takeOut((one) => one === answer).length === 0) return;
      answer.admitted.resolve(false);
      this.#admitWaiting();
    };
    until.addEventListener("abort", giveUp, { once: true });
    const admitted = await answer.admitted.promise;
    until.removeEventListener("abort", giveUp);
    return admitted;
  }

  /** Part of what was admitted turned out to weigh otherwise; 0 gives it back. */
  exchange(before: number, after: number): void {
    this.#used += after - before;
    if (after < before) this.#admitWaiting();
  }

  giveBack(bytes: number): void {
    this.exchange(bytes, 0);
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#capacity;
  }

  #admitWaiting(): void {
    for (let next = this.#waiting.at(0); next !== undefined && this.#hasRoomFor(next.bytes); next = this.#waiting.at(0)) {
      this.#waiting.take(1);
      this.#used += next.bytes;
      next.admitted.resolve(true);
    }
    this.#onRoom();
  }
}
