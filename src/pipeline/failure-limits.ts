/** How many refused messages a pipeline bears: the `limits` of that name. null for no limit. */
export interface FailureLimits {
  /** At most so many messages of the window. */
  readonly refused: number | null;
  /** At most this share of a full window. */
  readonly share: number | null;
  /** How many of the newest messages are looked at. */
  readonly window: number;
}

/** What a load did for the first time; duplicates are no effect. */
export interface Effect {
  readonly messages: number;
  readonly quarantined: number;
}

/** What a window holds. */
export interface WindowCount {
  /** Messages in the window. */
  readonly seen: number;
  /** Those of them that were refused. */
  readonly refused: number;
  /** Refused ones of each load that lies in the window, the batch at hand first. */
  readonly byLoad: readonly number[];
}

/**
 * Counts the newest `window` messages: those of the batch at hand, all of them (so a window is never smaller than a batch), and those of
 * the loads before it, the newest first. A load is one moment: nothing says which of its messages came first, so of the one at the
 * window's edge the refused ones count in proportion to what lies within, rounded down.
 */
export function countWindow(batch: Effect, before: readonly Effect[], window: number): WindowCount {
  let seen = batch.messages;
  const byLoad = [batch.quarantined];
  for (const { messages, quarantined } of before) {
    const within = Math.min(messages, window - seen);
    if (within <= 0) break;
    seen += within;
    byLoad.push(within === messages ? quarantined : Math.floor((quarantined * within) / messages));
  }
  return { seen, refused: byLoad.reduce((sum, refused) => sum + refused), byLoad };
}

/** Which limit is crossed; null when none is. A share means something once the window is full. */
export function crossedLimit(
  { refused, seen }: Pick<WindowCount, "refused" | "seen">,
  limits: FailureLimits,
): "refused" | "share" | null {
  if (limits.refused !== null && refused > limits.refused) return "refused";
  return limits.share !== null && seen >= limits.window && refused / seen > limits.share ? "share" : null;
}
