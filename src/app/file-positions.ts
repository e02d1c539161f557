import { MasklineError } from "../errors.ts";
import type { Advance } from "../pipeline/ports.ts";
import { findStream, noteBlocks } from "../postgres/files.ts";
import { advancing, requireAdvanced } from "../postgres/positions.ts";
import { type BlockStanding, type Positions, untouched } from "../sources/files/positions.ts";
import type { FileBook } from "./given-files.ts";

/** Positions of files in the database that their lines are loaded into. */
export class FilePositions implements Positions {
  readonly #book: FileBook;

  constructor(book: FileBook) {
    this.#book = book;
  }

  async ofStream(stream: string): Promise<BlockStanding> {
    const { database, schema, pipeline } = this.#book;
    const found = await database.transaction("reading a position", (query) => findStream(query, schema, pipeline, stream));
    return found ?? untouched;
  }

  async advance(step: Advance): Promise<boolean> {
    const { database, schema, pipeline } = this.#book;
    try {
      const { sql, parameters } = advancing(schema, pipeline, step);
      await database.transaction("moving a position", async (query) => requireAdvanced(await query(sql, parameters)));
      return true;
    } catch (error) {
      if (error instanceof MasklineError && error.code === "position_moved") return false;
      throw error;
    }
  }

  async noteBlocks(fingerprint: string, blocks: number): Promise<void> {
    const { database, schema, pipeline } = this.#book;
    await noteBlocks(database, schema, pipeline, fingerprint, blocks);
  }
}

/** Of files that are read and not loaded: nobody else is there, and nothing is kept. */
export class NoPositions implements Positions {
  readonly #next = new Map<string, number>();

  async ofStream(stream: string): Promise<BlockStanding> {
    return { next: this.#next.get(stream) ?? 0, silentMs: Infinity };
  }

  async advance({ stream, to }: Advance): Promise<boolean> {
    this.#next.set(stream, to);
    return true;
  }

  async noteBlocks(): Promise<void> {}
}
