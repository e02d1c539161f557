import { type SampleRandom, sampleRandom } from "../../../src/demo/sample-random.ts";
import type { Clock } from "../../../src/pipeline/clock.ts";
import { newCounters, type QueueCounters } from "./counters.ts";
import { invalidValue, QueueFault } from "./fault.ts";
import { noFaults, type QueueFaults } from "./faults.ts";
import { StoredQueue } from "./stored-queue.ts";

/** A finished StartMessageMoveTask, as AWS lists it: here they end at once. */
export interface MoveTask {
  readonly SourceArn: string;
  readonly [name: string]: string | number;
}

/** All queues of a server, and what they share. */
export class QueueStore {
  readonly faults: QueueFaults;
  readonly counters: QueueCounters = newCounters();
  readonly #clock: Clock;
  readonly random: SampleRandom;
  /** Newest first. */
  readonly moves: MoveTask[] = [];
  readonly #ended: AbortSignal;
  readonly #idBytes: Buffer = Buffer.alloc(16);
  readonly #queues = new Map<string, StoredQueue>();

  /** @param goDown called when the faults say that the server is down */
  constructor(seed: number, clock: Clock, ended: AbortSignal, goDown: () => void) {
    this.faults = noFaults(goDown);
    this.#clock = clock;
    this.random = sampleRandom(seed);
    this.#ended = ended;
  }

  /** Makes it, or finds it where there is one with these attributes already. */
  create(name: string, attributes: Readonly<Record<string, string>>): StoredQueue {
    const fifo = attributes["FifoQueue"] === "true";
    if (!/^[\w-]{1,75}(\.fifo)?$/.test(name) || fifo !== name.endsWith(".fifo")) {
      throw invalidValue("QueueName", name, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
    }
    const found = this.#queues.get(name);
    if (found === undefined) {
      const queue = new StoredQueue(name, this.#queues.size + 1, attributes, {
        clock: this.#clock,
        random: this.random,
        faults: this.faults,
        counters: this.counters,
        ended: this.#ended,
        newId: () => this.newId(),
        findByArn: (arn) => this.#queues.get(arn.slice(arn.lastIndexOf(":") + 1)) ?? null,
      });
      this.#queues.set(name, queue);
      return queue;
    }
    for (const [key, value] of Object.entries(attributes)) {
      if (found.attributes[key] === value) continue;
      throw new QueueFault(
        "QueueNameExists",
        `A queue already exists with the same name and a different value for attribute ${key}`,
        {
          queryCode: "QueueAlreadyExists",
        },
      );
    }
    return found;
  }

  /** @throws QueueFault where there is none */
  find(name: string): StoredQueue {
    const queue = this.#queues.get(name);
    if (queue !== undefined) return queue;
    throw new QueueFault("QueueDoesNotExist", "The specified queue does not exist.", {
      queryCode: "AWS.SimpleQueueService.NonExistentQueue",
    });
  }

  /** @throws QueueFault where there is none */
  findByArn(arn: string): StoredQueue {
    const queue = this.#queues.get(arn.slice(arn.lastIndexOf(":") + 1));
    if (queue !== undefined) return queue;
    throw new QueueFault(
      "ResourceNotFoundException",
      "The resource that you specified for the SourceArn parameter doesn't exist.",
      {
        status: 404,
      },
    );
  }

  nowMs(): number {
    return this.#clock.now();
  }

  names(): readonly string[] {
    return [...this.#queues.keys()].sort();
  }

  /** A version 4 UUID out of the seed. */
  newId(): string {
    for (let word = 0; word < 16; word += 4) this.#idBytes.writeUInt32LE(this.random.word(), word);
    this.#idBytes[6] = ((this.#idBytes[6] as number) & 0x0f) | 0x40;
    this.#idBytes[8] = ((this.#idBytes[8] as number) & 0x3f) | 0x80;
    const hex = this.#idBytes.toString("hex");
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }
}
