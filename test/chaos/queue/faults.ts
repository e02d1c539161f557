import type { SampleRandom } from "../../../src/demo/sample-random.ts";
import { QueueFault } from "./fault.ts";

/** What goes wrong, settable at any time. A share is of calls unless it says otherwise, from 0 to 1. */
export interface QueueFaults {
  /** Answered with HTTP 500 InternalFailure; nothing is done. */
  serverErrors: number;
  /** Answered with HTTP 503 ServiceUnavailable; nothing is done. */
  unavailable: number;
  /** Answered as throttled (RequestThrottled with HTTP 403, or ThrottlingException with 400); nothing is done. */
  throttled: number;
  /** Answered with ExpiredToken, HTTP 403; nothing is done. */
  expiredCredentials: number;
  /** Never answered; half of them are done all the same. */
  unanswered: number;
  /** The connection is reset; half of the calls are done all the same. */
  resets: number;
  /** Of messages handed out, for each the chance that one in flight is handed out once more beside it (standard queues). */
  duplicates: number;
  /** Of messages handed out: another of the next hundred goes first (standard queues). */
  reordered: number;
  /** Of DeleteMessageBatch calls: about half of the entries stand in Failed[], and half of those are deleted all the same. */
  partialDeletes: number;
  /** Of deletes answered as done: the message comes back when its time is over (standard queues promise no more). */
  forgottenDeletes: number;
  /** Of ReceiveMessage calls on a queue with messages: answered with none, as by the servers that have none. */
  emptyReceives: number;
  /** Each answer waits this long, from least to most. */
  delayMs: readonly [number, number];
  /** Every connection is reset as soon as it is made, and those that are there at once. */
  down: boolean;
  /** A change of visibility under a handle that is no longer good is answered as done and does nothing, as AWS has been seen to do. */
  quietStaleHandles: boolean;
  /** The faults of calls hit these actions only; null: all. */
  actions: ReadonlySet<string> | null;
}

/** @param goDown called when the server is set to be down */
export function noFaults(goDown: () => void): QueueFaults {
  let down = false;
  return {
    serverErrors: 0,
    unavailable: 0,
    throttled: 0,
    expiredCredentials: 0,
    unanswered: 0,
    resets: 0,
    duplicates: 0,
    reordered: 0,
    partialDeletes: 0,
    forgottenDeletes: 0,
    emptyReceives: 0,
    delayMs: [0, 0],
    get down() {
      return down;
    },
    set down(value: boolean) {
      down = value;
      if (down) goDown();
    },
    quietStaleHandles: false,
    actions: null,
  };
}

export type CallFault =
  | "serverErrors"
  | "unavailable"
  | "throttled"
  | "expiredCredentials"
  | "unanswered"
  | "unansweredDone"
  | "resets"
  | "resetsDone";

const ofCalls = ["serverErrors", "unavailable", "throttled", "expiredCredentials", "unanswered", "resets"] as const;

/** Which fault a call meets, if any: one draw, so that the shares add up. */
export function drawFault(faults: QueueFaults, action: string, random: SampleRandom): CallFault | null {
  if (faults.actions !== null && !faults.actions.has(action)) return null;
  if (ofCalls.every((kind) => faults[kind] === 0)) return null;
  let left = random.word() / 2 ** 32;
  for (const kind of ofCalls) {
    left -= faults[kind];
    if (left >= 0) continue;
    return (kind === "unanswered" || kind === "resets") && random.chance(0.5) ? `${kind}Done` : kind;
  }
  return null;
}

/** What is answered to a call that meets a fault. */
export function faultAnswer(fault: CallFault, random: SampleRandom): QueueFault {
  switch (fault) {
    case "serverErrors":
      return new QueueFault("InternalFailure", "The request processing has failed because of an unknown error.", { status: 500 });
    case "unavailable":
      return new QueueFault("ServiceUnavailable", "The service is temporarily unavailable.", { status: 503 });
    case "throttled":
      // the first is SQS's own, the second that of the service before it
      return random.chance(0.5)
        ? new QueueFault("RequestThrottled", "The request was throttled.", { status: 403 })
        : new QueueFault("ThrottlingException", "Rate exceeded", { queryCode: "Throttling" });
    case "expiredCredentials":
      return new QueueFault("ExpiredToken", "The security token included in the request is expired", { status: 403 });
    case "unanswered":
    case "unansweredDone":
    case "resets":
    case "resetsDone":
      throw new Error(`${fault} has no answer`);
  }
}

export function drawDelayMs({ delayMs: [least, most] }: QueueFaults, random: SampleRandom): number {
  return most <= 0 ? 0 : least + (most - least) * (random.word() / 2 ** 32);
}
