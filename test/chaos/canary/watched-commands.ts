import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { type Finished, type RunningCommand, startMaskline, type Workspace } from "../../harness/workspace.ts";
import { Admin } from "../admin.ts";
import type { Outputs } from "./outputs.ts";

const everyMs = 10;

/**
 * Runs commands, keeps what they say, and looks meanwhile at what others on the machine can see of them: arguments, environment, temporary
 * files, and what the database server shows of its sessions.
 */
export class WatchedCommands {
  readonly #place: Workspace;
  readonly #outputs: Outputs;
  readonly #admin: Admin;
  readonly #temporary: string;
  /** Compiled code holds the product's own examples: it is kept where nothing is searched. */
  readonly #compiled: string;
  readonly #seen = new Set<string>();

  static async open(place: Workspace, outputs: Outputs): Promise<WatchedCommands> {
    const temporary = path.join(place.folder, "temporary");
    await mkdir(temporary);
    return new WatchedCommands(place, outputs, temporary, await mkdtemp(path.join(tmpdir(), "maskline-compiled-")));
  }

  private constructor(place: Workspace, outputs: Outputs, temporary: string, compiled: string) {
    this.#compiled = compiled;
    this.#place = place;
    this.#outputs = outputs;
    this.#temporary = temporary;
    this.#admin = new Admin(place.databaseUrl);
  }

  async run(...args: readonly string[]): Promise<Finished> {
    return this.start(args).ended;
  }

  /** @returns the command, and how it ends once its outputs are kept */
  start(
    args: readonly string[],
    input: string | null = null,
  ): { readonly command: RunningCommand; readonly ended: Promise<Finished> } {
    const around = { TMPDIR: this.#temporary, NODE_COMPILE_CACHE: this.#compiled };
    const command = startMaskline(this.#place.folder, args, around, input);
    const watched = this.#watch(command);
    const ended = command.finished.then(async (finished) => {
      await watched;
      const name = `maskline ${args.join(" ")}`;
      this.#outputs.add(`${name}: stdout`, finished.stdout);
      this.#outputs.add(`${name}: stderr`, finished.stderr);
      return finished;
    });
    return { command, ended };
  }

  async close(): Promise<void> {
    await this.#admin.close();
    await rm(this.#compiled, { recursive: true, force: true });
  }

  async #watch({ processId, finished }: RunningCommand): Promise<void> {
    let over = false;
    void finished.then(() => (over = true));
    while (!over) {
      for (const name of ["cmdline", "environ", "comm"])
        this.#note(`processes: ${name}`, await readFile(`/proc/${processId}/${name}`).catch(() => ""));
      for (const entry of await readdir(this.#temporary, { recursive: true })) {
        this.#note("temporary files: names", entry);
        this.#note("temporary files", await readFile(path.join(this.#temporary, entry)).catch(() => ""));
      }
      const sessions = await this.#admin
        .query<{ shown: string }>("SELECT a::text AS shown FROM pg_stat_activity AS a WHERE pid <> pg_backend_pid()")
        .catch(() => []);
      for (const { shown } of sessions) this.#note("the server's sessions", shown);
      await pause(everyMs);
    }
  }

  /** Once each, or there would be thousands. */
  #note(name: string, content: Buffer | string): void {
    const text = content.toString("latin1");
    if (text === "" || this.#seen.has(text)) return;
    this.#seen.add(text);
    this.#outputs.add(name, content);
  }
}
