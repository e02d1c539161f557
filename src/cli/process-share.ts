import type { Settings } from "../app/config/load.ts";
import { type ErrorCode, errorCodes, MasklineError } from "../errors.ts";
import { addCounts, type Counts, noCounts, type PipelineEvent } from "../pipeline/report.ts";
import type { Call } from "./command.ts";

/** Names the share of a process among those that one command started. Set by the parent, and of no meaning to anybody else. */
export const shareVariable = "SHARE_OF_PROCESSES";

/** What a process tells the one that started it. Counts, codes and texts of ours: nothing of a message. */
export type Told =
  | { readonly kind: "ready"; readonly start: unknown }
  | { readonly kind: "event"; readonly event: PipelineEvent }
  | { readonly kind: "advanced"; readonly diskBytes: number }
  | { readonly kind: "passphrase" }
  | { readonly kind: "ended"; readonly totals: unknown }
  | { readonly kind: "failed"; readonly error: ToldError };

export interface ToldError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly next: string | null;
  readonly details: readonly string[];
}

/** The answer to `passphrase`. */
export interface ToldPassphrase {
  readonly passphrase: string | null;
}

/** Told no more often: a message between processes costs as much as some rows. */
const tellEveryMs = 100;

/** One of several processes of one command, from the inside. */
export class ProcessShare {
  readonly index: number;
  readonly count: number;
  readonly #mayAsk: boolean;
  readonly #stop: AbortSignal;
  #counts: Counts = noCounts;
  #diskBytes = 0;
  #toldAtMs = 0;

  /** Null in a process that no other started for a share. */
  static of({ environment, stop }: Call): ProcessShare | null {
    const [index, count, parent, asks] = environment[shareVariable]?.split("/") ?? [];
    // inherited by a process further down, it says nothing
    if (process.send === undefined || parent !== String(process.ppid)) return null;
    return new ProcessShare(Number(index), Number(count), asks === "asks", stop);
  }

  private constructor(index: number, count: number, mayAsk: boolean, stop: AbortSignal) {
    this.index = index;
    this.count = count;
    this.#mayAsk = mayAsk;
    const alone = new AbortController();
    process.once("disconnect", () => alone.abort());
    this.#stop = AbortSignal.any([stop, alone.signal]);
  }

  /** The wish to end, of whoever: also when the parent is gone. */
  get stop(): AbortSignal {
    return this.#stop;
  }

  /** With the question for a passphrase handed on to where somebody sits. */
  settings(settings: Settings): Settings {
    if (!this.#mayAsk) return settings;
    let answer: Promise<string> | null = null;
    return { ...settings, askPassphrase: () => (answer ??= this.#askPassphrase()) };
  }

  /** This process's part of a number that is meant for all. */
  partOf(all: number): number {
    return Math.floor(all / this.count) + (this.index < all % this.count ? 1 : 0);
  }

  readonly ready = (start: unknown): void => this.#send({ kind: "ready", start });

  readonly report = (event: PipelineEvent): void => {
    if (event.kind === "received") return;
    if (event.kind === "settled") this.#counts = addCounts(this.#counts, event.counts);
    else this.#send({ kind: "event", event });
    this.#tell(false);
  };

  readonly advanced = (diskBytes: number): void => {
    this.#diskBytes += diskBytes;
    this.#tell(false);
  };

  /** Does the work, and tells how it ended. Fails as the work fails. */
  async end<T>(work: Promise<T>): Promise<void> {
    try {
      const totals = await work;
      this.#tell(true);
      await this.#sendLast({ kind: "ended", totals });
    } catch (error) {
      this.#tell(true);
      const shown = error instanceof MasklineError ? error : new MasklineError("internal", errorCodes.internal.meaning);
      const { code, message, details, next = null } = shown;
      await this.#sendLast({ kind: "failed", error: { code, message, details, next } });
      throw error;
    }
  }

  #tell(isLast: boolean): void {
    const nowMs = performance.now();
    if (!isLast && nowMs - this.#toldAtMs < tellEveryMs) return;
    this.#toldAtMs = nowMs;
    this.#send({ kind: "event", event: { kind: "settled", counts: this.#counts } });
    this.#send({ kind: "advanced", diskBytes: this.#diskBytes });
    this.#counts = noCounts;
    this.#diskBytes = 0;
  }

  #send(told: Told): void {
    // a parent that is gone needs no news: `disconnect` ends the work
    if (process.connected) process.send?.(told, undefined, undefined, () => {});
  }

  async #sendLast(told: Told): Promise<void> {
    if (!process.connected) return;
    await new Promise<void>((resolve) => process.send?.(told, undefined, undefined, () => resolve()));
    process.disconnect();
  }

  async #askPassphrase(): Promise<string> {
    const answered = new Promise<ToldPassphrase>((resolve) => process.once("message", (told) => resolve(told as ToldPassphrase)));
    this.#send({ kind: "passphrase" });
    const { passphrase } = await answered;
    if (passphrase !== null) return passphrase;
    throw new MasklineError("interrupted", "stopped at the passphrase; nothing was done");
  }
}
