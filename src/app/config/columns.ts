import { columnProblem } from "../../contract/check.ts";
import type { Column, ColumnOptions } from "../../contract/column.ts";
import { defaultEncoding } from "../../masks/encoding.ts";
import { maskFacts, type MaskDefinition } from "../../masks/mask.ts";
import type { ConfigFault } from "./fault.ts";

/** A column of the contract and how its mask is defined, as `columns` in the configuration says. */
export interface ConfiguredColumn {
  readonly column: Column;
  readonly mask: MaskDefinition | null;
}

/** PostgreSQL cuts longer names. */
const longestNameBytes = 63;

/** Reads the columns and what no schema can say of them. Faults name what to write instead. */
export function readColumns(options: Readonly<Record<string, ColumnOptions>>): {
  readonly columns: readonly ConfiguredColumn[];
  readonly faults: readonly ConfigFault[];
} {
  const faults: ConfigFault[] = [];
  const columns = Object.entries(options).map(([name, column]): ConfiguredColumn => {
    const path = ["columns", name];
    for (const [option, message] of columnFaults(name, column))
      faults.push({ path: option === "" ? path : [...path, ...option.split(".")], message });
    return configuredColumn(name, column);
  });
  for (const { column } of columns) {
    const [, option = "", message = ""] = /^(?:(\w+): )?(.*)$/s.exec(columnProblem(column) ?? "") ?? [];
    const path = ["columns", column.name, ...(option === "" ? [] : [option])];
    if (message !== "" && !faults.some((told) => told.path.join(".") === path.join("."))) faults.push({ path, message });
  }
  return { columns, faults: [...faults, ...domainFaults(columns)] };
}

function configuredColumn(name: string, options: ColumnOptions): ConfiguredColumn {
  const { type, mask } = options;
  const masked = mask === undefined ? "no" : maskFacts[mask.kind].input;
  const column: Column = {
    name,
    from: options.from ?? name,
    type,
    as: options.as ?? "major",
    max: options.max ?? null,
    required: options.required ?? mask !== undefined,
    fallback: options.default === undefined ? null : String(options.default),
    masked,
  };
  if (mask === undefined) return { column, mask: null };
  return {
    column,
    mask: { kind: mask.kind, domain: mask.domain ?? null, type, encode: mask.encode ?? defaultEncoding(type) },
  };
}

function* columnFaults(
  name: string,
  { type, as, max, mask, default: fallback }: ColumnOptions,
): Generator<readonly [option: string, message: string]> {
  if (Buffer.byteLength(name) > longestNameBytes)
    yield ["", `is longer than the ${longestNameBytes} bytes PostgreSQL keeps of a name`];
  if (as !== undefined && type !== "version") yield ["as", `is for type version; this column is ${type}`];
  if (max !== undefined && type !== "text" && !(type === "version" && as === "text"))
    yield ["max", `is for texts; this column is ${type}`];
  if (mask === undefined) return;
  const facts = maskFacts[mask.kind];
  if (fallback !== undefined) yield ["default", "is not for masked columns: a missing value would become a token shared by all"];
  if (type === "json" || type === "boolean")
    yield ["mask", `a ${type} column cannot be masked; use redact on a text column, or leave the column out`];
  if (facts.keyed && mask.domain === undefined) {
    yield [
      "mask.domain",
      `is missing: ${mask.kind} derives its key from it; write for example domain: ${name.replace(/^masked_/, "")}`,
    ];
  }
  if (!facts.keyed && mask.domain !== undefined) yield ["mask.domain", `is for keyed masks; ${mask.kind} has no key`];
  if (mask.encode === "packed" && type !== "ip" && type !== "uuid")
    yield ["mask.encode", `packed is for ip and uuid; this column is ${type}`];
  if (mask.kind === "sha256" && mask.insecure !== true) {
    yield [
      "mask.kind",
      "sha256 without a key is not masking: all 4.3 billion IPv4 addresses are tried in 192 s on one core, all ids of nine digits in 45 s. Use siv or hmac; to read a legacy table, add insecure: true",
    ];
  }
  if (mask.kind !== "sha256" && mask.insecure !== undefined)
    yield ["mask.insecure", `is for sha256; ${mask.kind} does not need it`];
}

/** Columns may share a domain only when equal values give equal tokens in all of them. */
function domainFaults(columns: readonly ConfiguredColumn[]): ConfigFault[] {
  const first = new Map<string, ConfiguredColumn>();
  return columns.flatMap((configured): ConfigFault[] => {
    const { column, mask } = configured;
    if (mask === null || mask.domain === null) return [];
    const other = first.get(mask.domain);
    if (other === undefined || other.mask === null) {
      first.set(mask.domain, configured);
      return [];
    }
    const same = other.mask.kind === mask.kind && other.mask.type === mask.type && other.mask.encode === mask.encode;
    if (same) return [];
    const message = `domain ${mask.domain} is used by column ${other.column.name} with another kind, type or encode; equal values would differ: name another domain`;
    return [{ path: ["columns", column.name, "mask", "domain"], message }];
  });
}
