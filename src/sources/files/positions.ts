import type { Advance } from "../../pipeline/ports.ts";

/** Up to where a block has been loaded, and how long nobody has moved that. */
export interface BlockStanding {
  readonly next: number;
  readonly silentMs: number;
}

/** Of a block that nobody has begun. */
export const untouched: BlockStanding = { next: 0, silentMs: Infinity };

/** Where the blocks of files stand, for everybody who loads them: kept by the sink. Each call may fail as the sink does. */
export interface Positions {
  /** Of a block by the name of its stream. */
  ofStream(stream: string): Promise<BlockStanding>;
  /** Moves a block on where no load does it. False when someone else has moved it. */
  advance(step: Advance): Promise<boolean>;
  /** A compressed file was unpacked to its end: it has so many blocks. */
  noteBlocks(fingerprint: string, blocks: number): Promise<void>;
}
