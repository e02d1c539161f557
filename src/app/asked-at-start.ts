import type { Settings } from "./config/load.ts";

/** A configuration at the start of a process, and once it works. */
export interface AskedAtStart {
  readonly starting: Settings;
  /** With the answer that was given, and no question where none was: nobody sits before what has been running for days. */
  readonly running: () => Settings;
}

/** Lets a passphrase be asked for once, at the start. */
export function askedAtStart(settings: Settings): AskedAtStart {
  const { askPassphrase, ...unasked } = settings;
  if (askPassphrase === undefined) return { starting: settings, running: () => settings };
  let answer: Promise<string> | null = null;
  const starting = { ...unasked, askPassphrase: () => (answer ??= askPassphrase()) };
  return { starting, running: () => (answer === null ? unasked : starting) };
}
