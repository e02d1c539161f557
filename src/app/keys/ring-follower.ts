import { MasklineError } from "../../errors.ts";
import { anchorOf, type KeyStanding, primaryOf } from "../../keys/key-standing.ts";
import type { Clock } from "../../pipeline/clock.ts";
import { untilAborted } from "../../pipeline/deadline.ts";
import type { BatchKeys } from "../../pipeline/ports.ts";
import type { Report } from "../../pipeline/report.ts";

/** How often a process says which key it writes with, and looks whether the ring was rotated. */
export const beatMs = 5_000;
/** So many beats in a row that could not be reported are told: one alone is a database that starts again. */
const toldAfterBeats = 3;
/** Between two renewals that led nowhere: twice the former pause, at most five minutes. */
const longestPauseBeats = 60;
/** How much longer than its work a process waits for a renewal. */
export const renewalGraceMs = 1_000;

/** What batches are made with. */
export interface Writing {
  readonly keys: Omit<BatchKeys, "aliases">;
}

export interface FollowerPorts<W extends Writing> {
  readonly sayAlive: (current: W) => Promise<void>;
  readonly readRoots: (current: W) => Promise<readonly KeyStanding[]>;
  /**
   * Opens the ring again. Everything is checked as at the start before a batch is made with it.
   * @param ended nothing is written once it is aborted: nobody waits for it any more
   */
  readonly reopen: (ended: AbortSignal) => Promise<W>;
  readonly clock: Clock;
  readonly report: Report;
}

/**
 * Follows the ring: when another process has rotated it, it is opened again, and batches are made under the new key without a restart.
 * A process that cannot follow goes on until its key is closed. Whatever a renewal takes, the process is heard of meanwhile.
 */
export class RingFollower<W extends Writing> {
  readonly #ports: FollowerPorts<W>;
  readonly #stop: AbortSignal;
  readonly #ended = new AbortController();
  #current: W;
  #renewal: Promise<void> | null = null;
  /** The newer primary this process has been told of and could not follow to: told once. */
  #outdatedBy: number | null = null;

  /** @param stop the wish to end: a batch does not wait long for its new keys then */
  constructor(ports: FollowerPorts<W>, current: W, stop: AbortSignal) {
    this.#ports = ports;
    this.#current = current;
    this.#stop = stop;
  }

  get current(): W {
    return this.#current;
  }

  /** Whether batches are made with other keys than the refused ones from now on. */
  async renew(refused: BatchKeys): Promise<boolean> {
    const same = (): boolean => {
      const { keyId, anchorId, sealingId } = this.#current.keys;
      return keyId === refused.keyId && anchorId === refused.anchorId && sealingId === refused.sealingId;
    };
    // another lane may have been here first
    if (same()) await this.#renewOnce(this.#stop);
    return !same();
  }

  /** Reports and looks until `ended`, each by itself. A look that fails is told where it matters, at the next load. */
  async follow(ended: AbortSignal): Promise<void> {
    await Promise.all([this.#stayAlive(ended), this.#watch(ended)]);
  }

  /** What a renewal that is still under way would do is not done any more. */
  end(): void {
    this.#ended.abort();
  }

  async #stayAlive(ended: AbortSignal): Promise<void> {
    let failed = 0;
    while (await this.#nextBeat(ended)) {
      const code = await codeOf(() => this.#ports.sayAlive(this.#current));
      failed = code === null ? 0 : failed + 1;
      if (code !== null && failed === toldAfterBeats) this.#ports.report({ kind: "unheard", code });
    }
  }

  async #watch(ended: AbortSignal): Promise<void> {
    let behind = "";
    let failed = 0;
    let pauseBeats = 0;
    while (await this.#nextBeat(ended)) {
      const announced = await this.#announced();
      if (announced === null) continue;
      if (this.#isAt(announced)) {
        behind = "";
        continue;
      }
      const told = `${announced.keyId} ${announced.anchorId}`;
      if (told !== behind) [behind, failed, pauseBeats] = [told, 0, 0];
      pauseBeats -= 1;
      if (pauseBeats > 0) continue;
      const code = await codeOf(() => this.#renewOnce(ended));
      if (ended.aborted || this.#isAt(announced)) continue;
      failed += 1;
      pauseBeats = Math.min(2 ** failed, longestPauseBeats);
      this.#tellOutdated(announced.keyId, code);
    }
  }

  async #nextBeat(ended: AbortSignal): Promise<boolean> {
    if (!ended.aborted) await this.#ports.clock.sleep(beatMs, ended);
    return !ended.aborted;
  }

  /** The keys that every process should write with; null when there are none, or nobody can say. */
  async #announced(): Promise<Announced | null> {
    let roots: readonly KeyStanding[] = [];
    await codeOf(async () => void (roots = await this.#ports.readRoots(this.#current)));
    const [keyId, anchorId] = [primaryOf(roots), anchorOf(roots)];
    return keyId === null || anchorId === null ? null : { keyId, anchorId };
  }

  #isAt({ keyId, anchorId }: Announced): boolean {
    return this.#current.keys.keyId === keyId && this.#current.keys.anchorId === anchorId;
  }

  #tellOutdated(by: number, code: MasklineError["code"] | null): void {
    const { keyId } = this.#current.keys;
    if (keyId === by || this.#outdatedBy === by) return;
    this.#outdatedBy = by;
    this.#ports.report({ kind: "key_outdated", keyId, code });
  }

  /** All who ask wait for the same renewal; not much longer than until `stop`. */
  async #renewOnce(stop: AbortSignal): Promise<void> {
    this.#renewal ??= this.#renewNow().finally(() => (this.#renewal = null));
    const over = new AbortController();
    const grace = untilAborted(stop, over.signal).then(() => this.#ports.clock.sleep(renewalGraceMs, over.signal));
    try {
      await Promise.race([this.#renewal, grace]);
    } finally {
      over.abort();
    }
  }

  async #renewNow(): Promise<void> {
    const next = await this.#ports.reopen(this.#ended.signal);
    if (this.#ended.signal.aborted) return;
    const changed = next.keys.keyId !== this.#current.keys.keyId;
    this.#current = next;
    if (!changed) return;
    this.#ports.report({ kind: "key_changed", keyId: next.keys.keyId });
    // at once: a rekey may be waiting for it. If it fails, the next beat says it
    await codeOf(() => this.#ports.sayAlive(next));
  }
}

type Announced = Pick<BatchKeys, "keyId" | "anchorId">;

/** Null when the work was done. What is no failure of ours to foresee is thrown. */
async function codeOf(work: () => Promise<void>): Promise<MasklineError["code"] | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    return error.code;
  }
}
