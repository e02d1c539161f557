/** Behind a block there is room for the end of its last line, and before it for the byte that says whether a line begins with it. */
export const spareBytes = 65_536;

/** More than a few lie idle only after many files of different kinds. */
const mostIdle = 4;

/**
 * Memory that blocks are read into, used again and again: the collector looks at the whole heap each time so much was asked for anew.
 * What was read is good until its block is given back.
 */
export class BlockBuffers {
  #idle: Buffer[] = [];

  /** At least so long; what is in it is of no meaning. */
  take(bytes: number): Buffer {
    const place = this.#idle.findIndex(({ length }) => length >= bytes);
    return place < 0 ? Buffer.allocUnsafeSlow(bytes) : (this.#idle.splice(place, 1)[0] as Buffer);
  }

  giveBack(buffer: Buffer): void {
    if (this.#idle.length < mostIdle) this.#idle.push(buffer);
  }
}
