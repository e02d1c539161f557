import type { Clock } from "../../pipeline/clock.ts";
import { BlockBuffers } from "./block-buffers.ts";
import { Block, type BlockBytes, streamOf } from "./block.ts";
import { blocksOf, type InputFile } from "./input-file.ts";
import type { LineReading } from "./line.ts";
import { type PackedPlan, packedBlocks } from "./packed-blocks.ts";
import { readPlainBlock } from "./plain-block.ts";
import { type BlockStanding, type Positions, untouched } from "./positions.ts";

/** A file and what was known of its blocks at the start. */
export interface FileWork {
  readonly file: InputFile;
  /** Those that have been begun. */
  readonly known: ReadonlyMap<number, BlockStanding>;
}

export interface WorkOptions {
  readonly files: readonly FileWork[];
  readonly reading: LineReading;
  /** Where in the list this process begins, of 0 to below 1: those who begin elsewhere rarely meet. */
  readonly startAt: number;
  readonly positions: Positions;
  readonly clock: Clock;
  /** Nothing is left but so many blocks that others are at. Told once. */
  readonly waiting?: (blocks: number) => void;
}

/** A block of a plain file, or some of a packed one: all where `only` is null. */
interface Task {
  readonly file: InputFile;
  readonly number: number;
  readonly only: ReadonlySet<number> | null;
}

/** A begun block that nobody has moved on for so long is taken over: whoever was at it was killed. Loads take milliseconds. */
export const abandonedAfterMs = 5_000;
const lookAgainAfterMs = 250;

/**
 * Hands out the blocks of files that are not loaded yet, one after the other. A block that another process is at is left to it, and
 * looked at again at the end: done by then, or taken over. So the end of the work is the end of everybody's.
 */
export class Work {
  readonly #options: WorkOptions;
  /** By stream; what is done stays done, and is not asked for again. */
  readonly #known: Map<string, BlockStanding>;
  #tasks: Task[];
  /** By stream; what others are at. */
  readonly #left = new Map<string, { readonly file: InputFile; readonly number: number }>();
  /** A packed file that is being read. */
  #packed: { readonly blocks: AsyncGenerator<BlockBytes>; readonly task: Task } | null = null;

  readonly #buffers = new BlockBuffers();
  #isOver = false;
  #isWaiting = false;

  constructor(options: WorkOptions) {
    this.#options = options;
    this.#known = new Map(
      options.files.flatMap(({ file, known }) =>
        [...known].map(([number, standing]) => [streamOf(file, number), standing] as const),
      ),
    );
    const tasks = options.files.flatMap(({ file }) => this.#tasksOf(file));
    const first = Math.floor(options.startAt * tasks.length);
    this.#tasks = [...tasks.slice(first), ...tasks.slice(0, first)];
  }

  /** Nothing is left to hand out: all else is loaded, by whomever. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next block; null when nothing is left to hand out. Undefined when `stop` is aborted first. */
  async next(stop: AbortSignal): Promise<Block | null | undefined> {
    while (!stop.aborted) {
      const block = await this.#nextPacked();
      if (block !== null) return block;
      const task = this.#tasks[0];
      if (task === undefined) {
        if (await this.#lookAgain(stop)) continue;
        this.#isOver = !stop.aborted;
        break;
      }
      const found = await this.#begin(task);
      this.#tasks.shift();
      if (found !== null) return found;
    }
    return this.#isOver ? null : undefined;
  }

  /** Someone else has moved this block: it is his, as long as he goes on. */
  leave(block: Block): void {
    const { file, number, stream } = block;
    this.#isOver = false;
    this.#left.set(stream, { file, number });
    this.finish(block);
  }

  /** Nobody looks at its lines any more. */
  finish({ buffer }: Block): void {
    this.#buffers.giveBack(buffer);
  }

  async close(): Promise<void> {
    await this.#packed?.blocks.return(undefined);
    this.#packed = null;
  }

  #tasksOf(file: InputFile): readonly Task[] {
    const blocks = blocksOf(file);
    if (blocks === null) return [{ file, number: 0, only: null }];
    return Array.from({ length: blocks }, (_, number) => ({ file, number, only: null })).filter(
      ({ number }) => !isDone(file, this.#known.get(streamOf(file, number))),
    );
  }

  async #begin({ file, number, only }: Task): Promise<Block | null> {
    const { reading } = this.#options;
    if (file.kind === "plain") {
      const next = await this.#take(file, number);
      if (next === null) return null;
      return new Block(await readPlainBlock({ file, number, next }, reading.mostBytes, this.#buffers), reading);
    }
    const plan: PackedPlan = {
      file,
      longestLine: reading.mostBytes,
      buffers: this.#buffers,
      wants: async (block) => (only === null || only.has(block) ? this.#take(file, block) : null),
      ended: (blocks) => this.#options.positions.noteBlocks(file.fingerprint, blocks),
    };
    this.#packed = { blocks: packedBlocks(plan), task: { file, number, only } };
    return null;
  }

  async #nextPacked(): Promise<Block | null> {
    if (this.#packed === null) return null;
    const { blocks, task } = this.#packed;
    try {
      const { value, done } = await blocks.next();
      if (done !== true) return new Block(value, this.#options.reading);
      this.#packed = null;
      return null;
    } catch (error) {
      // read again from its start, once the positions can be asked again; what was handed out of it counts as another's then
      this.#packed = null;
      this.#tasks.unshift(task);
      throw error;
    }
  }

  /** From where this process is to load a block; null where it is loaded, or someone else is at it. */
  async #take(file: InputFile, number: number): Promise<number | null> {
    const stream = streamOf(file, number);
    if (isDone(file, this.#known.get(stream))) return null;
    const standing = await this.#options.positions.ofStream(stream);
    if (isDone(file, standing)) {
      this.#known.set(stream, standing);
      return null;
    }
    if (standing.next === 0 || standing.silentMs >= abandonedAfterMs) return standing.next;
    this.#left.set(stream, { file, number });
    return null;
  }

  /** At the end: what was left to others is done, or taken over when nobody is at it. False when nothing is left. */
  async #lookAgain(stop: AbortSignal): Promise<boolean> {
    const { positions, clock } = this.#options;
    const byFile = new Map<InputFile, Set<number>>();
    for (const [stream, { file, number }] of this.#left) {
      const standing = await positions.ofStream(stream);
      if (isDone(file, standing)) this.#left.delete(stream);
      else if (standing.silentMs >= abandonedAfterMs) {
        this.#left.delete(stream);
        if (file.kind === "plain") this.#tasks.push({ file, number, only: null });
        else byFile.set(file, (byFile.get(file) ?? new Set()).add(number));
      }
    }
    for (const [file, only] of byFile) this.#tasks.push({ file, number: 0, only });
    if (this.#tasks.length > 0) return true;
    if (this.#left.size === 0) return false;
    if (!this.#isWaiting) this.#options.waiting?.(this.#left.size);
    this.#isWaiting = true;
    await clock.sleep(lookAgainAfterMs, stop);
    return !stop.aborted;
  }
}

/** No line of a block is left. */
export function isDone({ blockBytes }: InputFile, { next }: Pick<BlockStanding, "next"> = untouched): boolean {
  return next >= blockBytes;
}
