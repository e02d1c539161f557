import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from "yaml";

import type { ConfigFault } from "./fault.ts";

/** A configuration file as read: plain values, and where each of them stands. */
export interface ConfigDocument {
  readonly value: unknown;
  readonly faults: readonly ConfigFault[];
  /** The line of an option, or of the nearest thing around it that is in the file. */
  lineOf(path: readonly string[]): number;
}

/**
 * Reads YAML and puts environment values in place of `${NAME}` (a dollar sign of its own is written `$$`). Substitution happens in
 * values only and after parsing, so a value from the environment cannot change the structure of the file.
 */
export function readDocument(text: string, environment: Readonly<Record<string, string | undefined>>): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, merge: false });
  const faults: ConfigFault[] = document.errors.map((error) => ({
    path: [],
    line: error.linePos?.[0].line ?? 1,
    message: `is not valid YAML: ${error.code.toLowerCase().replaceAll("_", " ")}`,
  }));
  visit(document, {
    Scalar(key, node) {
      if (key === "key" || typeof node.value !== "string") return;
      node.value = node.value.replaceAll(/\$\$|\$\{([^}]*)\}/g, (whole, name: string | undefined) => {
        if (name === undefined) return "$";
        const value = environment[name];
        if (value !== undefined && value !== "") return value;
        const line = node.range ? lines.linePos(node.range[0]).line : 1;
        faults.push({
          path: [],
          line,
          message: `${whole}: the environment has no ${name}; set it, or write $$ for a plain dollar sign`,
        });
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
  return { value: faults.length > 0 && document.errors.length > 0 ? null : (document.toJS() ?? {}), faults, lineOf };
}
