export type Ending = "cut" | "reset";
export type Direction = "to_server" | "to_client";

/** What the network does. */
export interface ProxyFaults {
  /** Each piece waits this long before it goes on, from least to most. */
  delayMs: readonly [number, number];
  /** In each direction; null: as fast as it goes. */
  bytesPerSecond: number | null;
  /** Pieces of at most so many bytes, with a pause after each; null: as they come. */
  slice: { readonly bytes: number; readonly pauseMs: number } | null;
  /** Half-open: the connections stay, and nothing goes through this way, not even that the other side has closed. What waits goes on later. */
  silence: Direction | "none" | "both";
  /** Each connection ends after so many bytes from now on, both directions together, drawn between least and most; null: never. */
  endAfterBytes: readonly [number, number] | null;
  /** How it ends then: with FIN, or with RST. */
  endHow: Ending;
  /** New connections are reset as soon as they are made, and those that are there at once. */
  down: boolean;
}

export function noProxyFaults(): ProxyFaults {
  return {
    delayMs: [0, 0],
    bytesPerSecond: null,
    slice: null,
    silence: "none",
    endAfterBytes: null,
    endHow: "reset",
    down: false,
  };
}

export interface ProxyCounters {
  /** Connections taken, in all. */
  accepted: number;
  /** Connections reset because the proxy was down. */
  refused: number;
  /** Connections ended with FIN, with RST, or left half-open, by a fault. */
  cuts: number;
  resets: number;
  halfOpens: number;
  /** Relayed, both directions. */
  bytes: number;
  /** COMMITs that the server has answered. */
  commits: number;
  /** Of these: the client was not told. */
  answersLost: number;
}

export function newProxyCounters(): ProxyCounters {
  return { accepted: 0, refused: 0, cuts: 0, resets: 0, halfOpens: 0, bytes: 0, commits: 0, answersLost: 0 };
}
