import type { Opened, ReversibleMask } from "../masks/mask.ts";

/** Gives the values behind tokens of one domain. Only for an act that has begun (govern.ts). */
export interface Opener {
  /** The canonical values behind a column of tokens, in its order. One bad token does not stop its neighbours. */
  open(tokens: readonly string[]): Promise<readonly Opened[]>;
}

export function openerOf(mask: ReversibleMask): Opener {
  return { open: async (tokens) => mask.open(tokens) };
}
