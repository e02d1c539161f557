import type { Queue } from "./queue.ts";

const callSize = 10;
const parallelCalls = 8;

/**
 * Sends bodies in tens, several calls at once. Order is not kept.
 * @param sent is told how many have been taken so far
 */
export async function sendAll(
  queue: Queue,
  bodies: Iterable<string>,
  stop: AbortSignal,
  sent: (messages: number) => void,
): Promise<number> {
  let total = 0;
  const waiting = bodies[Symbol.iterator]();
  const failing = new AbortController();
  const anyStop = AbortSignal.any([stop, failing.signal]);
  const sendOn = async (): Promise<void> => {
    for (let ten = takeTen(waiting); ten.length > 0 && !anyStop.aborted; ten = takeTen(waiting)) {
      await queue.sendBatch(ten).catch((error: unknown) => {
        failing.abort();
        throw error;
      });
      total += ten.length;
      sent(total);
    }
  };
  await Promise.all(Array.from({ length: parallelCalls }, sendOn));
  return total;
}

function takeTen(bodies: Iterator<string>): string[] {
  const ten: string[] = [];
  while (ten.length < callSize) {
    const next = bodies.next();
    if (next.done === true) break;
    ten.push(next.value);
  }
  return ten;
}
