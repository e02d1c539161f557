import type { Clock } from "../../pipeline/clock.ts";
import type { Advance, Delivery, Settlement, Source } from "../../pipeline/ports.ts";
import type { Block } from "./block.ts";
import { FileLine, type LinesTogether } from "./line.ts";
import type { Positions } from "./positions.ts";
import type { Work } from "./work.ts";

export interface FileSourceOptions {
  readonly work: Work;
  readonly positions: Positions;
  /** A batch closes when its lines come to so many bytes. */
  readonly batchBytes: number;
  /**
   * Whether the sink makes each step in the transaction of its load. Otherwise receipts tell the lines apart, and the step follows the
   * load: what is loaded again after a kill in between has its receipt.
   */
  readonly inLoad: boolean;
  /** So many bytes more of the files, as they lie there, are in the sink. */
  readonly advanced: (diskBytes: number) => void;
  readonly clock: Clock;
}

/**
 * Lines of files. A batch is of one block, and no other of that block is out meanwhile; lanes work on blocks of their own, which they
 * hold in memory whole. What goes back is handed out again from where the sink says the block stands.
 */
export class FileSource implements Source {
  readonly #options: FileSourceOptions;
  /** Blocks that this process is at. */
  readonly #open = new Map<LinesTogether, Block>();
  /** Those with lines left, none of which is out. */
  readonly #ready: Block[] = [];
  /** Came back: whether they stand where this process left them has to be asked. */
  readonly #doubtful = new Set<Block>();
  /** Lines of batches that are in the sink: others are made of them. */
  readonly #spare: FileLine[][] = [];
  readonly #steps = new WeakMap<readonly Delivery[], Advance>();
  /** Blocks are read one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: FileSourceOptions) {
    this.#options = options;
  }

  /** Every line is in the sink, whoever brought it there. */
  get isWhole(): boolean {
    return this.#options.work.isOver && this.#open.size === 0;
  }

  async receive(limit: number, signal: AbortSignal): Promise<readonly Delivery[] | null> {
    const { batchBytes, clock } = this.#options;
    while (!signal.aborted) {
      const block = this.#ready.shift() ?? (await this.#nextBlock(signal));
      if (block === null) return null;
      if (block === undefined) break;
      if (!(await this.#ask(block))) continue;
      const lines = block.take(limit, batchBytes, clock.now(), this.#spare.pop());
      if (lines.length > 0) {
        this.#steps.set(lines, block.step);
        return lines;
      }
      await this.#endEmpty(block);
    }
    return [];
  }

  advanceOf(received: readonly Delivery[]): Advance | undefined {
    return this.#options.inLoad ? this.#steps.get(received) : undefined;
  }

  async settle(settlements: readonly Settlement[]): Promise<void> {
    const line = settlements[0]?.delivery;
    const block = line instanceof FileLine ? this.#open.get(line.among) : undefined;
    if (block?.isOut !== true) return;
    if (settlements.some(({ outcome }) => outcome === "returned")) {
      block.returned();
      this.#doubtful.add(block);
      this.#ready.push(block);
      return;
    }
    this.#spare.push(block.lines);
    this.#options.advanced(block.stepDiskBytes);
    if (this.#options.inLoad) block.settled();
    else if (!(await this.#follow(block))) return;
    if (block.isDone) this.#finish(block);
    else this.#ready.push(block);
  }

  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#options.work.close();
  }

  #nextBlock(signal: AbortSignal): Promise<Block | null | undefined> {
    const next = this.#turn.then(async () => {
      const block = await this.#options.work.next(signal);
      if (block) this.#open.set(block, block);
      return block;
    });
    this.#turn = next.catch(() => {});
    return next;
  }

  /** Whether a block is still this process's to go on with. */
  async #ask(block: Block): Promise<boolean> {
    if (!this.#doubtful.has(block)) return true;
    try {
      const { next } = await this.#options.positions.ofStream(block.stream);
      this.#doubtful.delete(block);
      if (next === block.position) return true;
      this.#leave(block);
      return false;
    } catch (error) {
      this.#ready.push(block);
      throw error;
    }
  }

  #finish(block: Block): void {
    this.#open.delete(block);
    this.#options.work.finish(block);
  }

  /** Someone else is at it. */
  #leave(block: Block): void {
    this.#open.delete(block);
    this.#options.work.leave(block);
  }

  /** No line begins in it, or only blank ones were left. */
  async #endEmpty(block: Block): Promise<void> {
    const { positions, advanced } = this.#options;
    try {
      if (await positions.advance(block.step)) {
        advanced(block.stepDiskBytes);
        this.#finish(block);
      } else this.#leave(block);
    } catch (error) {
      this.#ready.push(block);
      throw error;
    }
  }

  /** The step after its load; where that fails the next one makes both. False when someone else is at this block. */
  async #follow(block: Block): Promise<boolean> {
    try {
      if (await this.#options.positions.advance(block.step)) block.settled();
      else {
        block.settledAhead();
        this.#leave(block);
        return false;
      }
    } catch {
      block.settledAhead();
    }
    return true;
  }
}
