import type { SampleRandom } from "../../../src/demo/sample-random.ts";
import type { Message } from "./message.ts";

/** How many of those handed out last can be handed out a second time. */
const kept = 256;

/** Messages that a queue hands out although they are in flight, as a standard queue may ("at least once"). */
export class Copies {
  readonly #random: SampleRandom;
  readonly #recent: Message[] = [];

  constructor(random: SampleRandom) {
    this.#random = random;
  }

  /** A message that was handed out. */
  note(message: Message): void {
    this.#recent[message.serial % kept] = message;
  }

  /** For each of `places` the chance `share` to be taken by a message in flight; none twice. */
  draw(places: number, share: number): readonly Message[] {
    const drawn = new Set<Message>();
    for (let place = 0; place < places; place += 1) {
      if (!this.#random.chance(share)) continue;
      const message = this.#recent[this.#random.below(kept)];
      if (message?.state === "hidden") drawn.add(message);
    }
    return [...drawn];
  }
}
