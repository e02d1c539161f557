/**
 * Loaded into a worker before anything else (`node --import`): at each SIGUSR2 the clock of the process jumps, an hour ahead, an hour back
 * behind the true time, and to the true time again. Time that is measured (performance.now, timers) does not jump, as on a machine whose
 * clock is set.
 */
const hourMs = 3_600_000;
const jumpsMs: readonly number[] = [hourMs, -hourMs, 0];
const trueNow = Date.now.bind(Date);
const TrueDate = Date;
let offsetMs = 0;
let jumps = 0;

class JumpingDate extends TrueDate {
  constructor(...parts: readonly unknown[]) {
    if (parts.length === 0) super(trueNow() + offsetMs);
    else super(...(parts as [number]));
  }

  static override now(): number {
    return trueNow() + offsetMs;
  }
}

globalThis.Date = JumpingDate as DateConstructor;
process.on("SIGUSR2", () => {
  offsetMs = jumpsMs[jumps % jumpsMs.length] ?? 0;
  jumps += 1;
  process.stderr.write(`the clock was set: ${offsetMs / hourMs} h\n`);
});
