import net, { type AddressInfo } from "node:net";

import { systemClock } from "../../src/app/system-clock.ts";
import { sampleRandom } from "../../src/demo/sample-random.ts";
import type { Clock } from "../../src/pipeline/clock.ts";
import { newProxyCounters, noProxyFaults, type ProxyCounters, type ProxyFaults } from "./proxy/faults.ts";
import { Link, type Verdict } from "./proxy/link.ts";
import type { Moment } from "./proxy/postgres-frames.ts";

export type { Moment, ProxyCounters, ProxyFaults, Verdict };

/**
 * Says what happens at a moment; the message that made it waits for that. `forward`: nothing. `drop_answer`: the server gets the message,
 * and from now on the client hears nothing more on this connection. `cut`, `reset`: both sides lose the connection, with FIN or RST;
 * before an answer goes to the client, or before a message goes to the server. Connections are numbered in the order in which they came.
 */
export type MomentHook = (moment: Moment, connection: number) => Promise<Verdict>;

/** A TCP proxy on 127.0.0.1 that does what networks do. */
export interface FaultProxy {
  readonly port: number;
  /** Open now. */
  readonly connections: number;
  /** For all connections, present and future. */
  set(faults: Partial<ProxyFaults>): void;
  /** Hits every open connection that is not half-open already; answers how many that were. */
  cutAll(how: "cut" | "reset" | "half_open"): number;
  /** Resets what is half-open on both sides, as keepalives would in time; answers how many that were. */
  endHalfOpen(): number;
  /**
   * With the protocol "postgres": `statement` for each simple query and each Bind, `before_commit` for a text that ends in COMMIT,
   * `after_commit` when the server has answered it as committed. Nothing is seen of an encrypted connection.
   */
  onMoment(hook: MomentHook | null): void;
  readonly counters: ProxyCounters;
  stop(): Promise<void>;
}

export interface FaultProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** Every random decision follows from it, and from how many connections there were before. */
  readonly seed: number;
  readonly protocol: "tcp" | "postgres";
  readonly clock?: Clock;
}

export async function startFaultProxy({ target, seed, protocol, clock = systemClock }: FaultProxyOptions): Promise<FaultProxy> {
  const faults = noProxyFaults();
  const counters = newProxyCounters();
  const links = new Set<Link>();
  let hook: MomentHook | null = null;
  let change = Promise.withResolvers<void>();

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (faults.down) {
      counters.refused += 1;
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    counters.accepted += 1;
    const connection = counters.accepted;
    const link: Link = new Link(
      client,
      {
        clock,
        // each connection has its own dice: what it meets does not hang on what goes through the others
        random: sampleRandom(seed + counters.accepted * 0x9e3779b9),
        faults,
        counters,
        target,
        protocol,
        ask: async (moment) => (hook === null ? "forward" : hook(moment, connection)),
        changed: () => change.promise,
      },
      () => links.delete(link),
    );
    links.add(link);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    port,
    get connections() {
      return links.size;
    },
    set: (next) => {
      Object.assign(faults, next);
      for (const link of links) {
        if (next.down === true) link.end("reset");
        else if (next.endAfterBytes !== undefined) link.drawEnd();
      }
      change.resolve();
      change = Promise.withResolvers<void>();
    },
    cutAll: (how) => {
      const hit = [...links].filter((link) => !link.isHalfOpen);
      for (const link of hit) {
        if (how === "half_open") link.halve();
        else link.end(how);
      }
      return hit.length;
    },
    endHalfOpen: () => {
      const hit = [...links].filter((link) => link.isHalfOpen);
      for (const link of hit) link.close("reset");
      return hit.length;
    },
    onMoment: (next) => void (hook = next),
    counters,
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const link of links) link.close("reset");
      await closed;
    },
  };
}
