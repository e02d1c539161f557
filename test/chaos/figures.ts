/** What the bench counts, in the order of its JSON line. */
export const figureNames = [
  "kills",
  "killsHoldingMessages",
  "killsBetweenCommitAndDelete",
  "commitsInDoubt",
  "redeliveries",
  "restarts",
  "cuts",
  "bodies",
  "canaries",
  "lost",
  "doubled",
  "leaks",
  "falseQuarantines",
  "falseDeadLetters",
  "controls",
  "controlsCaught",
] as const;
export type FigureName = (typeof figureNames)[number];

/** Of these there may be none, whatever was done to the product. */
export const damages: readonly FigureName[] = ["lost", "doubled", "leaks", "falseQuarantines", "falseDeadLetters"];

/** Counts of what was done and of what came of it. */
export class Figures {
  readonly #counts = new Map<FigureName, number>();

  add(name: FigureName, count: number = 1): void {
    this.#counts.set(name, this.of(name) + count);
  }

  of(name: FigureName): number {
    return this.#counts.get(name) ?? 0;
  }

  addAll(other: Figures): void {
    for (const name of figureNames) this.add(name, other.of(name));
  }

  toJSON(): Readonly<Record<FigureName, number>> {
    return Object.fromEntries(figureNames.map((name) => [name, this.of(name)])) as Record<FigureName, number>;
  }

  /** Those that are not 0, in words. */
  inWords(): string {
    return figureNames.flatMap((name) => (this.of(name) === 0 ? [] : [`${name} ${this.of(name)}`])).join(", ");
  }
}
