import { type CodePoints, type PatternNode, PatternProblem } from "./pattern-syntax.ts";

/**
 * The automaton of a pattern, without empty steps (Glushkov): each state is one place of the pattern and reads one character of its set.
 */
export interface Automaton {
  readonly sets: readonly CodePoints[];
  /** The states that may read the first character of a match, and those that may read its last. */
  readonly first: ReadonlySet<number>;
  readonly last: ReadonlySet<number>;
  /** For each state, those that may read the next character. */
  readonly follow: readonly ReadonlySet<number>[];
  /** In code points; null for no limit. */
  readonly shortest: number;
  readonly longest: number | null;
}

/** Time for a character grows with these, whatever the text is. */
const mostStates = 256;
export const mostSteps = 1_024;

interface Part {
  readonly first: ReadonlySet<number>;
  readonly last: ReadonlySet<number>;
  readonly shortest: number;
  readonly longest: number | null;
}

/** @throws PatternProblem for a pattern that is too big or matches the empty text */
export function buildAutomaton(pattern: PatternNode): Automaton {
  const sets: CodePoints[] = [];
  const follow: Set<number>[] = [];
  let steps = 0;

  const link = (from: ReadonlySet<number>, to: ReadonlySet<number>): void => {
    for (const state of from) {
      const next = follow[state] as Set<number>;
      steps -= next.size;
      for (const other of to) next.add(other);
      steps += next.size;
      if (steps > mostSteps) throw tooBig;
    }
  };
  const build = (node: PatternNode): Part => {
    switch (node.is) {
      case "set": {
        if (sets.length === mostStates) throw tooBig;
        const state = new Set([sets.push(node.set) - 1]);
        follow.push(new Set());
        return { first: state, last: state, shortest: 1, longest: 1 };
      }
      case "sequence":
        return node.parts.map(build).reduce(join);
      case "choice":
        return node.parts.map(build).reduce(choose);
      case "repeat":
        return repeat(node.part, node.least, node.most);
    }
  };
  const join = (left: Part, right: Part): Part => {
    link(left.last, right.first);
    return {
      first: left.shortest === 0 ? union(left.first, right.first) : left.first,
      last: right.shortest === 0 ? union(left.last, right.last) : right.last,
      shortest: left.shortest + right.shortest,
      longest: left.longest === null || right.longest === null ? null : left.longest + right.longest,
    };
  };
  /** x{2,4} is xx(x(x)?)?, x{2,} is xx+: each copy leads to the next only. */
  const repeat = (node: PatternNode, least: number, most: number | null): Part => {
    let tail: Part | null = null;
    if (most === null) {
      const part = build(node);
      link(part.last, part.first);
      tail = { ...part, shortest: least === 0 ? 0 : part.shortest, longest: null };
    } else {
      for (let count = least; count < most; count += 1) {
        const part = build(node);
        tail = { ...(tail === null ? part : join(part, tail)), shortest: 0 };
      }
    }
    for (let count = most === null ? 1 : 0; count < least; count += 1) {
      const part = build(node);
      tail = tail === null ? part : join(part, tail);
    }
    return tail as Part;
  };

  const { first, last, shortest, longest } = build(pattern);
  if (shortest === 0)
    throw new PatternProblem("matches the empty text, which is everywhere; make at least one part of it necessary");
  return { sets, first, last, follow, shortest, longest };
}

function choose(left: Part, right: Part): Part {
  return {
    first: union(left.first, right.first),
    last: union(left.last, right.last),
    shortest: Math.min(left.shortest, right.shortest),
    longest: left.longest === null || right.longest === null ? null : Math.max(left.longest, right.longest),
  };
}

function union(left: ReadonlySet<number>, right: ReadonlySet<number>): ReadonlySet<number> {
  return new Set([...left, ...right]);
}

const tooBig = new PatternProblem(
  `is too big: with its repetitions written out it may have ${mostStates} characters and ${mostSteps} steps between them`,
);
