import { MasklineError } from "../errors.ts";
import type { UnsealFailure } from "../keys/sealing.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { BatchKeys, Delivery, Refusal } from "../pipeline/ports.ts";
import type { QuarantineKey, Replayed, ReplayBatch, ReplayStore, SealedMessage } from "./replay-store.ts";
import { patiently } from "./walk.ts";

/** A selected message, and how much memory its body takes. */
export interface Selected extends QuarantineKey {
  readonly bodyBytes: number;
}

/** A message whose body did not open: it stays as it is. */
export interface Unopened {
  readonly id: string;
  readonly failure: UnsealFailure;
}

export interface ReplayParts {
  readonly store: ReplayStore;
  /** Opens one body. */
  readonly open: (message: SealedMessage) => Promise<Delivery | { readonly failure: UnsealFailure }>;
  /** Checks and masks under the contract and the keys of today. */
  readonly prepare: (deliveries: readonly Delivery[]) => Promise<ReplayBatch>;
  /** Whether there are other keys to go on with than these, which may no longer be written with. */
  readonly renewKeys: (refused: BatchKeys) => Promise<boolean>;
  /** Infinity for no limit. */
  readonly messagesPerSecond: number;
  readonly clock: Clock;
  readonly stop: AbortSignal;
  readonly report: (soFar: ReplayCounts) => void;
}

export interface ReplayCounts {
  readonly loaded: number;
  readonly duplicate: number;
  readonly refused: number;
  readonly unopened: number;
  readonly gone: number;
}

export interface ReplayResult extends ReplayCounts {
  /** Why messages stay: reason and path of the first fault of each. The most frequent first. */
  readonly stays: readonly { readonly reason: string; readonly path: string; readonly messages: number }[];
  /** The first few. */
  readonly examples: readonly Unopened[];
  /** Whether every selected message was tried. */
  readonly complete: boolean;
}

const mostMessages = 100;
const mostBytes = 8_388_608;
const mostExamples = 20;
const mostRenewals = 3;

/** Takes messages out of the quarantine, batch by batch, through the contract of today. Ends between two batches when `stop` is aborted. */
export class Replay {
  readonly #parts: ReplayParts;
  readonly #stays = new Map<string, { reason: string; path: string; messages: number }>();
  readonly #examples: Unopened[] = [];
  #counts: ReplayCounts = { loaded: 0, duplicate: 0, refused: 0, unopened: 0, gone: 0 };

  constructor(parts: ReplayParts) {
    this.#parts = parts;
  }

  /** What has been done so far; also where `run` has failed. */
  get counts(): ReplayCounts {
    return this.#counts;
  }

  async run(selected: readonly Selected[]): Promise<ReplayResult> {
    const { clock, stop, messagesPerSecond, report } = this.#parts;
    let tried = 0;
    for (const batch of batches(selected, Math.min(mostMessages, messagesPerSecond))) {
      if (stop.aborted) break;
      const startedAtMs = clock.now();
      await this.#replay(batch);
      tried += batch.length;
      report(this.#counts);
      const owedMs = (batch.length / messagesPerSecond) * 1_000 - (clock.now() - startedAtMs);
      if (owedMs > 0 && tried < selected.length) await clock.sleep(owedMs, stop);
    }
    const stays = [...this.#stays.values()].toSorted((left, right) => right.messages - left.messages);
    return { ...this.#counts, stays, examples: this.#examples, complete: tried === selected.length };
  }

  async #replay(keys: readonly QuarantineKey[]): Promise<void> {
    const { store, open } = this.#parts;
    const messages = await patiently(() => store.read(keys), this.#parts);
    const opened = await Promise.all(messages.map(async (message) => ({ message, result: await open(message) })));
    const deliveries: Delivery[] = [];
    let unopened = 0;
    for (const { message, result } of opened) {
      if (!("failure" in result)) {
        deliveries.push(result);
        continue;
      }
      unopened += 1;
      if (this.#examples.length < mostExamples) this.#examples.push({ id: message.id, failure: result.failure });
    }
    const written = deliveries.length === 0 ? nothing : await this.#write(deliveries);
    for (const refusal of written.refused) this.#noteRefused(refusal);
    const { loaded, duplicate, refused, gone } = this.#counts;
    this.#counts = {
      loaded: loaded + written.loaded,
      duplicate: duplicate + written.duplicate,
      refused: refused + written.refused.length,
      unopened: this.#counts.unopened + unopened,
      gone: gone + written.gone + (keys.length - messages.length),
    };
  }

  /** Prepared again, under the keys of today, when a rotation has overtaken the batch. */
  async #write(deliveries: readonly Delivery[]): Promise<Replayed> {
    const { store, prepare, renewKeys } = this.#parts;
    for (let renewals = 0; ; renewals += 1) {
      const batch = await prepare(deliveries);
      try {
        return await patiently(() => store.write(batch), this.#parts);
      } catch (error) {
        const retired = error instanceof MasklineError && error.code === "key_retired";
        if (!retired || batch.keys === undefined || renewals === mostRenewals || !(await renewKeys(batch.keys))) throw error;
      }
    }
  }

  #noteRefused({ faults }: Refusal): void {
    const { reason = "mask_failed", path = "" } = faults[0] ?? {};
    const name = `${reason} ${path}`;
    const noted = this.#stays.get(name) ?? { reason, path, messages: 0 };
    noted.messages += 1;
    this.#stays.set(name, noted);
  }
}

const nothing: Replayed = { loaded: 0, duplicate: 0, refused: [], gone: 0 };

function* batches(selected: readonly Selected[], most: number): Generator<readonly Selected[]> {
  let batch: Selected[] = [];
  let bytes = 0;
  for (const message of selected) {
    if (batch.length > 0 && (batch.length >= most || bytes + message.bodyBytes > mostBytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(message);
    bytes += message.bodyBytes;
  }
  if (batch.length > 0) yield batch;
}
