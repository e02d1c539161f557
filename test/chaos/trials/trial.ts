import type { Bench } from "../scenario.ts";

/**
 * A trouble and the check behind it, for any program that claims to be maskline. What is wrong is told to the bench it is given, so that the
 * real program and each broken one are held to the very same.
 */
export interface Trial {
  readonly name: string;
  /** @param program in place of `maskline run`; left out for the real one */
  run(bench: Bench, program?: string): Promise<void>;
}

/** For `stage.seat`. */
export function withProgram(program: string | undefined): { readonly program?: string } {
  return program === undefined ? {} : { program };
}
