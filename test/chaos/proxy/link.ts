import { once, setMaxListeners } from "node:events";
import net from "node:net";

import type { SampleRandom } from "../../../src/demo/sample-random.ts";
import type { Clock } from "../../../src/pipeline/clock.ts";
import type { Direction, Ending, ProxyCounters, ProxyFaults } from "./faults.ts";
import { type Frames, type Moment, postgresFrames, unframed } from "./postgres-frames.ts";

export type Verdict = "forward" | "drop_answer" | "cut" | "reset";

/** What a connection has of the proxy it is part of. */
export interface LinkSurroundings {
  readonly clock: Clock;
  readonly random: SampleRandom;
  readonly faults: Readonly<ProxyFaults>;
  readonly counters: ProxyCounters;
  readonly target: { readonly host: string; readonly port: number };
  readonly protocol: "tcp" | "postgres";
  readonly ask: (moment: Moment) => Promise<Verdict>;
  /** Resolves when the faults are changed. */
  readonly changed: () => Promise<void>;
}

/** One connection through the proxy: a socket to each side, and what is done to what goes between them. */
export class Link {
  readonly #around: LinkSurroundings;
  readonly #client: net.Socket;
  readonly #server: net.Socket;
  readonly #over = new AbortController();
  /** Nothing goes on, either way, for good. */
  #halfOpen = false;
  /** What the server says is dropped. */
  #deaf = false;
  #bytesLeft = Infinity;

  /** @param client paused: nothing of it has been read */
  constructor(client: net.Socket, around: LinkSurroundings, closed: () => void) {
    this.#around = around;
    this.#client = client;
    this.#server = net.connect({ ...around.target, allowHalfOpen: true, noDelay: true });
    setMaxListeners(0, this.#over.signal);
    const frames = around.protocol === "postgres" ? postgresFrames() : { toServer: unframed, toClient: unframed };
    this.#pipe(client, this.#server, "to_server", frames.toServer);
    this.#pipe(this.#server, client, "to_client", frames.toClient);
    let open = 2;
    for (const socket of [client, this.#server]) {
      socket.on("close", () => {
        open -= 1;
        if (open === 0) closed();
      });
    }
    this.drawEnd();
  }

  /** Ends it as a fault does. */
  end(how: Ending): void {
    this.#around.counters[how === "cut" ? "cuts" : "resets"] += 1;
    this.close(how);
  }

  halve(): void {
    this.#halfOpen = true;
    this.#around.counters.halfOpens += 1;
  }

  get isHalfOpen(): boolean {
    return this.#halfOpen;
  }

  close(how: Ending): void {
    this.#over.abort();
    for (const socket of [this.#client, this.#server]) {
      if (how === "reset") socket.resetAndDestroy();
      else socket.end(() => socket.destroy());
    }
  }

  /** Draws anew after how many bytes it ends. */
  drawEnd(): void {
    const { faults, random } = this.#around;
    const { endAfterBytes: range } = faults;
    this.#bytesLeft = range === null ? Infinity : range[0] + random.below(range[1] - range[0] + 1);
  }

  #pipe(from: net.Socket, to: net.Socket, direction: Direction, frames: Frames): void {
    // one after the other: the socket is not read while a piece of it is on its way
    from.on("data", (chunk: Buffer) => {
      from.pause();
      void this.#forward(frames, chunk, to, direction).then(() => from.resume());
    });
    from.on("end", () => void this.#whenHeard(direction).then(() => to.end()));
    from.on("error", () => {});
    from.on("close", (failed) => void this.#followClose(to, direction, failed));
  }

  /** One side has gone, all of what it said has been relayed, and the other side learns of it. */
  async #followClose(to: net.Socket, direction: Direction, failed: boolean): Promise<void> {
    if (this.#over.signal.aborted) return;
    await this.#whenHeard(direction);
    this.#over.abort();
    if (failed) to.resetAndDestroy();
    else to.end(() => to.destroy());
  }

  async #forward(frames: Frames, chunk: Buffer, to: net.Socket, direction: Direction): Promise<void> {
    for (const { moment, bytes } of frames.push(chunk)) {
      if (this.#over.signal.aborted) return;
      if (moment !== null && !(await this.#mayPass(moment))) return;
      if (direction === "to_client" && this.#deaf) continue;
      await this.#relay(bytes, to, direction);
    }
  }

  /** Asks what happens at this moment, and makes it happen. */
  async #mayPass(moment: Moment): Promise<boolean> {
    const { counters, ask } = this.#around;
    const answered = moment.kind === "after_commit";
    if (answered) counters.commits += 1;
    const verdict = this.#deaf ? "drop_answer" : await ask(moment);
    if (verdict === "forward") return true;
    if (answered) counters.answersLost += 1;
    if (verdict !== "drop_answer") {
      if (!this.#over.signal.aborted) this.end(verdict);
      return false;
    }
    this.#deaf = true;
    return true;
  }

  async #relay(bytes: Buffer, to: net.Socket, direction: Direction): Promise<void> {
    const { faults, clock, random, counters } = this.#around;
    for (let at = 0; at < bytes.length;) {
      const { slice, bytesPerSecond, delayMs } = faults;
      const perTenth = bytesPerSecond === null ? Infinity : Math.ceil(bytesPerSecond / 10);
      const piece = bytes.subarray(at, at + Math.min(slice?.bytes ?? Infinity, perTenth, this.#bytesLeft, bytes.length));
      at += piece.length;
      const [least, most] = delayMs;
      if (most > 0) await clock.sleep(least + (most - least) * (random.word() / 2 ** 32), this.#over.signal);
      await this.#whenHeard(direction);
      if (this.#over.signal.aborted) return;
      counters.bytes += piece.length;
      if (piece.length > 0 && !to.write(piece)) await once(to, "drain", { signal: this.#over.signal }).catch(() => {});
      this.#bytesLeft -= piece.length;
      if (this.#bytesLeft <= 0) return this.end(faults.endHow);
      const pauseMs = (slice?.pauseMs ?? 0) + (bytesPerSecond === null ? 0 : (piece.length / bytesPerSecond) * 1_000);
      if (pauseMs > 0) await clock.sleep(pauseMs, this.#over.signal);
    }
  }

  /** Resolves once something can go this way. */
  async #whenHeard(direction: Direction): Promise<void> {
    const { faults, changed } = this.#around;
    const isSilent = (): boolean => this.#halfOpen || faults.silence === "both" || faults.silence === direction;
    while (!this.#over.signal.aborted && isSilent()) await Promise.race([changed(), aborted(this.#over.signal)]);
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
