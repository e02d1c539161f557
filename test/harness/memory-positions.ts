import type { Advance } from "../../src/pipeline/ports.ts";
import type { BlockStanding, Positions } from "../../src/sources/files/positions.ts";

/** Positions in memory, as a database keeps them: for all who are given the same. */
export class MemoryPositions implements Positions {
  readonly next: Map<string, number> = new Map();
  readonly blocks: Map<string, number> = new Map();
  readonly #movedAtMs = new Map<string, number>();
  readonly #elapsed: () => number;

  constructor(elapsed: () => number = () => 0) {
    this.#elapsed = elapsed;
  }

  async ofStream(stream: string): Promise<BlockStanding> {
    const movedAtMs = this.#movedAtMs.get(stream) ?? -Infinity;
    return { next: this.next.get(stream) ?? 0, silentMs: this.#elapsed() - movedAtMs };
  }

  /** In one step, as in the transaction of a load. */
  move({ stream, from, to }: Advance): boolean {
    if ((this.next.get(stream) ?? 0) !== from) return false;
    this.next.set(stream, to);
    this.#movedAtMs.set(stream, this.#elapsed());
    return true;
  }

  async advance(step: Advance): Promise<boolean> {
    return this.move(step);
  }

  async noteBlocks(fingerprint: string, blocks: number): Promise<void> {
    this.blocks.set(fingerprint, blocks);
  }
}
