import { maskFacts, type MaskDefinition } from "../masks/mask.ts";
import type { ValueDomain } from "./value-domain.ts";

/**
 * What somebody learns of the values of a masked column.
 * `nothing`: what is not there. `part`: what the mask left. `equality`: which rows have one value, and how often it occurs.
 * `enumeration`: every value that he can try. `opens`: every value, by its token.
 */
export type Gain = "nothing" | "part" | "equality" | "enumeration" | "opens";

export interface Gained {
  readonly gain: Gain;
  /** Of `enumeration`: to try every value there could be, on one core of this machine; null where only a dictionary can be tried. */
  readonly seconds: number | null;
}

/** Who has what; each has what those before him have. */
export const attackers = ["table", "masker", "writersRing", "fullRing"] as const;
export type Attacker = (typeof attackers)[number];

/** What else the tokens themselves show to everyone. */
export type Shown = "prefix" | "format" | "part" | "length";

export interface Exposure {
  readonly gains: Readonly<Record<Attacker, Gained>>;
  readonly shown: readonly Shown[];
  /** How fast values are tried: tokens made in a second by one core of this machine. */
  readonly valuesPerSecond: number | null;
}

/** @param valuesPerSecond as measured; null where nobody can try values, since unequal ones have equal tokens */
export function exposureOf(definition: MaskDefinition, domain: ValueDomain, valuesPerSecond: number | null): Exposure {
  const { keyed, reversible, keepsEquality, keeps, insecure } = maskFacts[definition.kind];
  const shown: Shown[] = [
    ...(keeps === "nothing" ? [] : ([keeps === "a part" ? "part" : keeps] as const)),
    ...lengthShown(definition),
  ];
  if (!keepsEquality) {
    // what is left out is nowhere: no key and no trying brings it back
    const left: Gained = { gain: keeps === "a part" ? "part" : "nothing", seconds: null };
    return { gains: { table: left, masker: left, writersRing: left, fullRing: left }, shown, valuesPerSecond: null };
  }
  const seconds = domain.values === null || valuesPerSecond === null ? null : domain.values / valuesPerSecond;
  const tries: Gained = { gain: "enumeration", seconds };
  const equality: Gained = { gain: "equality", seconds: null };
  // a salt stands in the configuration of whatever writes or compares: it is no key, but the table alone does not have it
  const byAnyone = !keyed && insecure && definition.settings.salt === undefined;
  const withKey: Gained = reversible ? { gain: "opens", seconds: null } : tries;
  // the sealed originals stand beside the table
  const withRoots: Gained = definition.kind === "vault" ? { gain: "opens", seconds: null } : withKey;
  return {
    gains: { table: byAnyone ? tries : equality, masker: tries, writersRing: withKey, fullRing: withRoots },
    shown,
    valuesPerSecond,
  };
}

/** Text that is sealed as it is has a token as much longer as it is itself; addresses and UUIDs are packed to one length. */
function lengthShown({ kind, encode }: MaskDefinition): readonly Shown[] {
  return maskFacts[kind].reversible && maskFacts[kind].tagged && encode === "text" ? ["length"] : [];
}

/** So often is a speed measured; the best counts, as whoever tries values has nothing else to do. */
export const measuredRounds = 4;

/**
 * Values that a mask makes tokens of in a second, in the best of some rounds that take `atLeastMs` together. The first batch is for the
 * compiler, and does not count.
 */
export function measureRate(
  apply: (values: readonly string[]) => unknown,
  batch: readonly string[],
  nowMs: () => number,
  atLeastMs: number,
): number {
  apply(batch);
  let best = 0;
  for (let round = 0; round < measuredRounds; round += 1) {
    const startMs = nowMs();
    let tried = 0;
    let goneMs = 0;
    do {
      apply(batch);
      tried += batch.length;
      goneMs = nowMs() - startMs;
    } while (goneMs < atLeastMs / measuredRounds);
    best = Math.max(best, (tried / goneMs) * 1_000);
  }
  return best;
}
