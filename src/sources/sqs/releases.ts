import type { Queue, Visibility } from "./queue.ts";
import { Tens } from "./tens.ts";

const firstDelaySeconds = 5;
const longestDelaySeconds = 900;

/** How long a message that goes back hides, by how often it has been handed out: doubled each time, half to one and a half of it. */
export function delaySeconds(attempt: number, random: () => number): number {
  const seconds = firstDelaySeconds * 2 ** Math.min(30, attempt - 1) * (0.5 + random());
  return Math.max(1, Math.round(Math.min(longestDelaySeconds, seconds)));
}

/** Makes messages visible again, in tens side by side. What fails changes nothing but the time: it comes back by itself. */
export class Releases {
  readonly #tens: Tens<Visibility>;

  constructor(queue: Pick<Queue, "changeVisibility">, parallelCalls: number) {
    this.#tens = new Tens(
      () => parallelCalls,
      (ten) =>
        queue.changeVisibility(ten).then(
          () => true,
          () => false,
        ),
    );
  }

  async release(messages: readonly Visibility[]): Promise<void> {
    await this.#tens.run(messages);
  }
}
