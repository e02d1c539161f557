import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";

import type { ConfigFault } from "./fault.ts";

/** A configuration file as read: plain values, and where each of them stands. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
  /** The options that took their value, or a part of it, from the environment. What they hold is not shown. */
  readonly substituted: readonly (readonly string[])[];
  /** The line of an option, or of the nearest thing around it that is in the file. */
  readonly lineOf: (path: readonly string[]) => number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads YAML and puts environment values in place of `${NAME}` (a dollar sign of its own is written `$$`). Substitution happens in
 * values only and after parsing, so a value from the environment cannot change the structure of the file.
 */
export function readDocument(text: string, environment: Environment): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false, resolveKnownTags: false });
  const lineAt = (node: Node): number => (node.range ? lines.linePos(node.range[0]).line : 1);
  // a tag that is not understood is a warning to the parser; here it would be ignored without a word
  const syntax = new Map<string, ConfigFault>();
  for (const { code, linePos } of [...document.errors, ...document.warnings]) {
    const line = linePos?.[0].line ?? 1;
    const unquoted = code === "UNEXPECTED_TOKEN" && /[{,[].*[^"']\$\{/.test(text.split("\n")[line - 1] ?? "");
    const hint = unquoted ? '; inside { } and [ ], ${NAME} stands in quotes: "${NAME}"' : "";
    syntax.set(`${line} ${code}`, {
      path: [],
      line,
      message: `is not valid YAML: ${code.toLowerCase().replaceAll("_", " ")}${hint}`,
    });
  }
  const faults: ConfigFault[] = [...syntax.values()];
  const substituted: (readonly string[])[] = [];
  visit(document, {
    Pair(_, { key }) {
      if (!isScalar(key)) faults.push({ path: [], message: "is not a set of options: a name is expected before each colon" });
    },
    Alias(_, node) {
      if (node.resolve(document) === undefined) {
        faults.push({ path: [], line: lineAt(node), message: `*${node.source}: no &${node.source} stands before it` });
      }
    },
    Scalar(key, node, ancestors) {
      if (key === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      const path = pathOf(ancestors, node);
      node.value = node.value.replaceAll(/\$\$|\$\{([^}]*)\}/g, (whole, name: string | undefined) => {
        if (name === undefined) return "$";
        substituted.push(path);
        const value = Object.hasOwn(environment, name) ? environment[name] : undefined;
        if (value !== undefined && value !== "") return value;
        // what is no name may be a part of a password: it is not repeated
        const problem = /^[A-Za-z_]\w*$/.test(name)
          ? `${whole}: the environment has no ${name}; set it`
          : "holds something in ${ } that is not the name of a variable; give it a name";
        faults.push({ path, line: lineAt(node), message: `${problem}, or write $$ for a plain dollar sign` });
        return "";
      });
    },
  });

  const lineOf = (path: readonly string[]): number => {
    let node: unknown = document.contents;
    let line = 1;
    for (const part of path) {
      if (isAlias(node)) node = node.resolve(document);
      if (isSeq(node)) {
        node = node.items[Number(part)];
      } else if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part);
        if (!pair) break;
        if (isScalar(pair.key) && pair.key.range) line = lines.linePos(pair.key.range[0]).line;
        node = pair.value;
        continue;
      }
      if (isScalar(node) && node.range) line = lines.linePos(node.range[0]).line;
    }
    return line;
  };

  // faults of the structure leave nothing that could be read further; a missing variable does
  let value: unknown = null;
  if (faults.every(({ path }) => path.length > 0)) {
    try {
      value = document.toJS() ?? {};
    } catch {
      faults.push({ path: [], message: "is not valid YAML: its aliases make it too large" });
    }
  }
  return { value, faults, substituted, lineOf };
}

/** The option a value belongs to, from the nodes around it. */
function pathOf(ancestors: readonly unknown[], node: unknown): readonly string[] {
  const path: string[] = [];
  ancestors.forEach((ancestor, depth) => {
    if (isPair(ancestor) && isScalar(ancestor.key)) path.push(String(ancestor.key.value));
    else if (isSeq(ancestor)) path.push(String(ancestor.items.indexOf(ancestors[depth + 1] ?? node)));
  });
  return path;
}
