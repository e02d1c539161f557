import { columnProblem } from "../../contract/check.ts";
import type { Column, ColumnOptions, ColumnType, VersionForm } from "../../contract/column.ts";
import { defaultEncoding } from "../../masks/encoding.ts";
import { defaultAlphabet } from "../../masks/ff1/alphabet.ts";
import { maskFingerprint } from "../../masks/fingerprint.ts";
import { maskFacts, type MaskDefinition, type MaskSettings } from "../../masks/mask.ts";
import { type ConfiguredColumn, placedMasks } from "./configured-column.ts";
import type { ConfigFault } from "./fault.ts";
import { insideFaults, insideMasks, pathColumns } from "./inside.ts";
import { maskFaults } from "./mask-faults.ts";
import { subjectFaults } from "./subject.ts";

export type { ConfiguredColumn } from "./configured-column.ts";

type MaskOptions = NonNullable<ColumnOptions["mask"]>;

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
    faults.push(...insideFaults(name, column));
    return configuredColumn(name, column);
  });
  for (const { column } of columns) {
    const [, option = "", message = ""] = /^(?:(\w+): )?(.*)$/s.exec(columnProblem(column) ?? "") ?? [];
    const path = ["columns", column.name, ...(option === "" ? [] : [option])];
    if (message !== "" && !faults.some((told) => told.path.join(".") === path.join("."))) faults.push({ path, message });
  }
  return { columns, faults: [...faults, ...domainFaults(columns), ...subjectFaults(columns)] };
}

function configuredColumn(name: string, options: ColumnOptions): ConfiguredColumn {
  const { type, mask, paths } = options;
  const inside = insideMasks(options, maskDefinition);
  // of a text that is scanned all stays as it was sent, but what is found
  const masked = mask === undefined || inside !== undefined ? "no" : maskFacts[mask.kind].input;
  const column: Column = {
    name,
    from: options.from ?? name,
    type,
    as: options.as ?? "major",
    max: options.max ?? null,
    required: options.required ?? mask !== undefined,
    fallback: options.default === undefined ? null : String(options.default),
    masked,
    ...(paths === undefined ? {} : { paths: pathColumns(options.from ?? name, paths) }),
  };
  if (inside !== undefined) return { column, mask: null, inside };
  if (mask === undefined) return { column, mask: null };
  const subject = mask.subject === undefined ? {} : { subject: mask.subject };
  return { column, mask: maskDefinition(type, mask, column.as), ...subject };
}

function maskDefinition(type: ColumnType, mask: MaskOptions, as: VersionForm = "major"): MaskDefinition {
  return {
    kind: mask.kind,
    domain: mask.domain ?? null,
    type,
    encode: mask.encode ?? defaultEncoding(type),
    key: mask.key ?? null,
    settings: { ...maskSettings(mask), ...(type === "version" && as !== "major" ? { as } : {}) },
  };
}

/** What only some kinds have, as written; a default that is written out is left out, so that it makes no other definition. */
function maskSettings(mask: MaskOptions): MaskSettings {
  const { kind: _kind, domain: _domain, encode: _encode, key: _key, insecure: _insecure, subject: _subject, ...own } = mask;
  const { alphabet, tweak, ...settings } = own;
  return {
    ...settings,
    ...(alphabet === undefined || alphabet === defaultAlphabet ? {} : { alphabet }),
    ...(tweak === undefined || tweak === "" ? {} : { tweak }),
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
  if (fallback !== undefined) yield ["default", "is not for masked columns: a missing value would become a token shared by all"];
  yield* maskFaults(name, type, max ?? null, mask);
}

/** Masks may share a domain only when equal values give equal tokens in all of them. */
function domainFaults(columns: readonly ConfiguredColumn[]): ConfigFault[] {
  const first = new Map<string, { readonly place: string; readonly mask: MaskDefinition }>();
  return columns.flatMap(placedMasks).flatMap(({ place, option, mask }): ConfigFault[] => {
    if (mask.domain === null) return [];
    const other = first.get(mask.domain);
    if (other === undefined) {
      first.set(mask.domain, { place, mask });
      return [];
    }
    if (maskFingerprint(other.mask) === maskFingerprint(mask) && other.mask.key === mask.key) return [];
    const message = `domain ${mask.domain} is used by column ${other.place} with another kind, type, encode or option; equal values would differ: name another domain`;
    return [{ path: [...option, "domain"], message }];
  });
}
