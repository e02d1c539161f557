import { setTimeout as pause } from "node:timers/promises";

import { type CleanupGuard, startCleanupGuard } from "../../src/demo/cleanup-guard.ts";
import { type Finished, type RunningCommand, startMaskline, startNode } from "../harness/workspace.ts";
import { type FaultProxy, startFaultProxy, type Verdict } from "./fault-proxy.ts";
import { type MomentName, momentOfCall, StatementMoments } from "./moments.ts";
import type { QueueCall } from "./queue-server.ts";

/** A worker stopped at a moment: it waits for an answer that does not come until it is let go. */
export interface Held {
  letGo(verdict?: Verdict): void;
}

interface Waiting {
  readonly moment: MomentName;
  readonly reached: (held: Held | null) => void;
}

/** What a seat is given by its stage. */
export interface SeatOptions {
  readonly name: string;
  readonly folder: string;
  readonly databaseUrl: string;
  readonly seed: number;
  /** The queue's URL by this seat's own way. */
  readonly queueUrl: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Started in place of `maskline`: a variant of it, or of its `run`, that is broken on purpose. */
  readonly program?: string;
  /** Put a proxy before the queue too, so that its connections can be cut. */
  readonly queueProxy: boolean;
  /** A worker that nobody asked to end has ended, or another command has failed. */
  readonly endedByItself: (name: string, finished: Finished) => void;
}

/** How a process that was asked to stop has stopped. */
export interface Stopped extends Finished {
  readonly seconds: number;
}

/**
 * A place from which a worker does its work: a way to the queue and one to the database that nobody else uses. Processes come and go in it,
 * one at a time; each is a real `maskline run`.
 */
export class Seat {
  readonly name: string;
  readonly database: FaultProxy;
  /** Null where the seat was opened without one. */
  readonly queue: FaultProxy | null;
  readonly #options: SeatOptions;
  /** Ends the process that runs here should the bench die. */
  readonly #guard: CleanupGuard = startCleanupGuard([]);
  readonly #statements = new StatementMoments();
  readonly #waiting = new Set<Waiting>();
  /** Messages handed out to the process that runs now, and not deleted by it. */
  #holding = 0;
  #running: RunningCommand | null = null;
  #leaving = false;

  static async open(options: SeatOptions): Promise<Seat> {
    const database = await startFaultProxy({ target: placeOf(options.databaseUrl), seed: options.seed, protocol: "postgres" });
    const queue = options.queueProxy
      ? await startFaultProxy({ target: placeOf(options.queueUrl), seed: options.seed + 1, protocol: "tcp" })
      : null;
    return new Seat(options, database, queue);
  }

  private constructor(options: SeatOptions, database: FaultProxy, queue: FaultProxy | null) {
    this.name = options.name;
    this.#options = options;
    this.database = database;
    this.queue = queue;
    database.onMoment(async (moment, connection) => {
      const name = this.#statements.momentOf(moment, connection);
      return name === null ? "forward" : this.#pass(name);
    });
  }

  /** What the process in this seat is started with. */
  get environment(): Readonly<Record<string, string>> {
    const through = (url: string, proxy: FaultProxy | null): string => {
      const by = new URL(url);
      if (proxy !== null) by.port = String(proxy.port);
      return by.href;
    };
    const { queueUrl, databaseUrl, environment } = this.#options;
    return { ...environment, QUEUE_URL: through(queueUrl, this.queue), DATABASE_URL: through(databaseUrl, this.database) };
  }

  get occupied(): boolean {
    return this.#running !== null;
  }

  /** How many messages the process has in its hands. What it has released counts until its end. */
  get holding(): number {
    return this.#holding;
  }

  /** Starts a `maskline run` here. */
  start(args: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): RunningCommand {
    return this.startCommand(["run", "--json", ...args], environment);
  }

  /** Starts any command of maskline here. */
  startCommand(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    input: string | null = null,
  ): RunningCommand {
    if (this.#running !== null) throw new Error(`there is a process in ${this.name} already`);
    const { folder, program } = this.#options;
    const around = { ...this.environment, ...environment };
    const running =
      program === undefined ? startMaskline(folder, args, around, input) : startNode(folder, [program, ...args], around, input);
    this.#guard.watch(running.processId);
    this.#holding = 0;
    this.#leaving = false;
    this.#running = running;
    void running.finished.then((finished) => {
      if (this.#running === running) this.#running = null;
      for (const waiting of this.#waiting) waiting.reached(null);
      if (!this.#leaving && (args[0] === "run" || finished.code !== 0)) this.#options.endedByItself(this.name, finished);
    });
    return running;
  }

  /** Called by the stage for every call of this seat's process to the queue. */
  async onCall(call: QueueCall): Promise<void> {
    if (call.phase === "done" && call.action === "ReceiveMessage") this.#holding += call.messages;
    if (call.phase === "done" && call.action === "DeleteMessageBatch") this.#holding -= call.messages;
    const moment = momentOfCall(call);
    if (moment !== null) await this.#pass(moment);
  }

  /** Resolves when the process has come to the moment, and stands there; null when it ended, or did not come there in time. */
  async hold(moment: MomentName, withinMs: number = 20_000): Promise<Held | null> {
    let waiting: Waiting | undefined;
    const over = new AbortController();
    const reached = new Promise<Held | null>((resolve) => {
      waiting = { moment, reached: resolve };
      this.#waiting.add(waiting);
    });
    const tooLate = pause(withinMs, null, { signal: over.signal }).catch(() => null);
    const held = await Promise.race([reached, tooLate]);
    over.abort();
    if (waiting !== undefined) this.#waiting.delete(waiting);
    return held;
  }

  /** kill -9. Resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** SIGTERM. Resolves when the process has ended; null where there is none. */
  async stop(): Promise<Stopped | null> {
    const askedAtMs = performance.now();
    const finished = await this.#end("SIGTERM");
    return finished === null ? null : { ...finished, seconds: (performance.now() - askedAtMs) / 1_000 };
  }

  /** For signals that do not end it. */
  signal(name: NodeJS.Signals): void {
    this.#running?.kill(name);
  }

  async close(): Promise<void> {
    await this.kill();
    await Promise.all([this.database.stop(), this.queue?.stop(), this.#guard.release()]);
  }

  async #end(signal: NodeJS.Signals): Promise<Finished | null> {
    const running = this.#running;
    if (running === null) return null;
    this.#leaving = true;
    running.kill(signal);
    return running.finished;
  }

  /** Whoever passes while somebody waits for it is held there. */
  async #pass(moment: MomentName): Promise<Verdict> {
    for (const waiting of this.#waiting) {
      if (waiting.moment !== moment) continue;
      this.#waiting.delete(waiting);
      return new Promise((letGo) => waiting.reached({ letGo: (verdict = "forward") => letGo(verdict) }));
    }
    return "forward";
  }
}

function placeOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}
