import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";

import type { BacklogPlan } from "./backlog.ts";
import type { QueueCounters } from "./load-queue.ts";
import type { Notice, Order } from "./protocol.ts";

/** What the server had counted, and when. */
export interface Counted extends QueueCounters {
  /** Milliseconds, on the clock of `Date.now`, with fractions. */
  readonly atMs: number;
}

/** A queue with a backlog, in the server's process. */
export interface BenchQueue {
  readonly url: string;
  /** When somebody has asked for messages. */
  readonly firstReceive: Promise<Counted>;
  /** When so many deletes are done as were asked for. */
  readonly mark: Promise<Counted>;
  /** When every message is deleted. */
  readonly drained: Promise<Counted>;
  count(): Promise<Counted>;
  close(): void;
}

interface Waiting {
  readonly first_receive: PromiseWithResolvers<Counted>;
  readonly mark: PromiseWithResolvers<Counted>;
  readonly drained: PromiseWithResolvers<Counted>;
  readonly opened: PromiseWithResolvers<string>;
}

/** The queue server for load, in a process of its own: its time is neither the consumer's nor the runner's. */
export class LoadServerProcess {
  readonly processId: number;
  readonly #child: ChildProcess;
  readonly #queues = new Map<string, Waiting>();
  readonly #asked = new Map<number, (counted: Counted) => void>();
  #opened = 0;
  #asks = 0;

  static async start(latencyMs: number): Promise<LoadServerProcess> {
    const child = fork(path.join(import.meta.dirname, "main.ts"), ["--latency", String(latencyMs)], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("exit", () => reject(new Error("the queue server ended before it listened")));
      child.once("message", () => resolve());
    });
    return new LoadServerProcess(child);
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.processId = child.pid ?? 0;
    child.on("message", (notice: Notice) => this.#take(notice));
    child.once("exit", () => {
      const gone = new Error("the queue server has ended");
      for (const waiting of this.#queues.values()) for (const each of Object.values(waiting)) each.reject(gone);
    });
  }

  /** @param markAtDeletes after so many deletes `mark` is resolved */
  async open(backlog: BacklogPlan, markAtDeletes: number, visibilityMs: number = 30_000): Promise<BenchQueue> {
    this.#opened += 1;
    const name = `bench-${this.#opened}`;
    const waiting: Waiting = {
      first_receive: Promise.withResolvers(),
      mark: Promise.withResolvers(),
      drained: Promise.withResolvers(),
      opened: Promise.withResolvers(),
    };
    // not every caller waits for all of them
    for (const { promise } of Object.values(waiting) as readonly PromiseWithResolvers<unknown>[]) promise.catch(() => {});
    this.#queues.set(name, waiting);
    this.#send({ do: "open", name, backlog, visibilityMs, markAtDeletes });
    return {
      url: await waiting.opened.promise,
      firstReceive: waiting.first_receive.promise,
      mark: waiting.mark.promise,
      drained: waiting.drained.promise,
      count: () => this.#count(name),
      close: () => {
        this.#queues.delete(name);
        this.#send({ do: "close", name });
      },
    };
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => this.#child.once("exit", () => resolve()));
    this.#child.disconnect();
    await ended;
  }

  #count(name: string): Promise<Counted> {
    this.#asks += 1;
    const ask = this.#asks;
    this.#send({ do: "count", name, ask });
    return new Promise((resolve) => this.#asked.set(ask, resolve));
  }

  #send(order: Order): void {
    this.#child.send(order);
  }

  #take(notice: Notice): void {
    switch (notice.event) {
      case "listening":
        return;
      case "opened":
        this.#queues.get(notice.name)?.opened.resolve(notice.url);
        return;
      case "counted":
        this.#asked.get(notice.ask)?.(notice.counted);
        this.#asked.delete(notice.ask);
        return;
      case "first_receive":
      case "mark":
      case "drained":
        this.#queues.get(notice.name)?.[notice.event].resolve(notice.counted);
    }
  }
}
