import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";

import { disguises } from "../../harness/canary.ts";

/** Everything that a user, a log collector, a database administrator or someone with the disk would see, by name. */
export class Outputs {
  readonly #parts = new Map<string, Buffer[]>();

  add(name: string, output: Buffer | string): void {
    const parts = this.#parts.get(name) ?? [];
    parts.push(Buffer.from(output));
    this.#parts.set(name, parts);
  }

  /** Every file below a folder, as it lies there. */
  async addFolder(name: string, folder: string): Promise<void> {
    for (const entry of await readdir(folder, { recursive: true })) {
      const file = path.join(folder, entry);
      const content = (await stat(file).catch(() => null))?.isFile() ? await readFile(file).catch(() => null) : null;
      if (content !== null) this.add(`${name}: ${entry}`, content);
    }
  }

  has(name: string, text: string): boolean {
    return (this.#parts.get(name) ?? []).some((part) => part.includes(text));
  }

  get names(): readonly string[] {
    return [...this.#parts.keys()];
  }

  get bytes(): number {
    return [...this.#parts.values()].flat().reduce((sum, { length }) => sum + length, 0);
  }

  /** Where any of these lies, and in which form. The names hold no value. */
  find(sought: readonly string[]): readonly string[] {
    const forms = sought.flatMap((value) => disguises(value).map(({ name, pattern }) => ({ name: `${value} (${name})`, pattern })));
    return [...this.#parts].flatMap(([output, parts]) => {
      const found = forms.filter(({ pattern }) => parts.some((part) => part.includes(pattern)));
      return found.map(({ name }) => `${output}: ${name}`);
    });
  }
}
