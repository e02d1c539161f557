import { randomBytes } from "node:crypto";

import { MasklineError } from "../../errors.ts";
import type { MaskKeys } from "../../keys/mask-keys.ts";
import { createKeyRing, KeyRing } from "../../keys/ring.ts";
import { createMask } from "../../masks/create-mask.ts";
import { maskFacts, type MaskDefinition } from "../../masks/mask.ts";
import { tokenPrefix } from "../../masks/token.ts";
import type { Database, Query } from "../../postgres/database.ts";
import type { TableName } from "../../postgres/names.ts";
import { mayRead } from "../../postgres/recovery/readable.ts";
import { countGroups, countValues, type Group, listSmallGroups, lookAtTable, type Reading } from "../../postgres/recovery/risk.ts";
import { tokenEpochs } from "../../postgres/recovery/token-epochs.ts";
import { type Exposure, exposureOf, measureRate } from "../../recovery/attackers.ts";
import { candidatesFor } from "../../recovery/candidates.ts";
import { type QuasiIdentifiers, quasiIdentifiersOf } from "../../recovery/quasi-identifiers.ts";
import { type Frequency, frequencyOf, type GroupFigures, groupFiguresOf } from "../../recovery/risk.ts";
import { soughtDomain, type ValueDomain, valueDomainOf } from "../../recovery/value-domain.ts";
import { openKeyRing } from "../assemble-keys.ts";
import { postgresOf } from "../assemble-sink.ts";
import { type ConfiguredColumn, longestText, placedMasks } from "../config/configured-column.ts";
import { missingOption, type Settings } from "../config/load.ts";

/** Above so many rows a sample is read, of about as many. */
export const defaultSample = 5_000_000;
const measureMs = 200;
const batchValues = 1_024;

export interface RiskRequest {
  /** Columns that somebody could know of a person; null for those of the contract. */
  readonly quasi: readonly string[] | null;
  /** The column that tells people apart; null for user_id, where the contract has it. */
  readonly by: string | null;
  readonly k: number;
  /** List the groups smaller than k, at most so many; null for their number only. */
  readonly show: number | null;
  /** At most about so many rows are read. */
  readonly sample: number;
}

export interface ColumnRisk extends Frequency {
  readonly column: string;
  readonly kind: MaskDefinition["kind"];
  /** Rows whose token is of a key that the ring at hand has enabled; null where tokens do not say it, or no ring is there. */
  readonly held: number | null;
  /** As in ColumnDuplicates: with two, a value masked under both is counted as two. */
  readonly epochs: number | null;
}

export interface GroupRisk extends GroupFigures {
  readonly chosen: QuasiIdentifiers;
  /** What group sizes count: people by this column, or rows. */
  readonly countedBy: string | null;
  /** Null where they were not asked for. Values of masked columns are left out. */
  readonly shown: readonly Group[] | null;
}

/** What a column's mask is worth against whoever has the table, and more. */
export interface MaskExposure extends Exposure {
  readonly place: string;
  readonly kind: MaskDefinition["kind"];
  readonly domain: ValueDomain;
}

/** The ring that the configuration names, as far as it is at hand. */
export type RingFacts =
  | { readonly kind: "full" | "writer's"; readonly enabledKeys: number; readonly opensQuarantine: boolean }
  | { readonly kind: "none"; readonly because: string };

export interface Risk {
  readonly table: TableName;
  /** What the planner takes the table for. */
  readonly estimatedRows: number;
  /** In percent of the table's pages; null where all rows were read. */
  readonly sampledPercent: number | null;
  /** Whether equal values under several keys were counted as one; false where this user may not read the aliases. */
  readonly aliased: boolean;
  readonly columns: readonly ColumnRisk[];
  readonly groups: GroupRisk;
  readonly masks: readonly MaskExposure[];
  readonly ring: RingFacts;
}

/**
 * What a table still gives away, from its own rows, the contract and the ring at hand. Reads only; opens no token.
 * @throws MasklineError `usage` for columns that are not there
 */
export async function assessRisk(settings: Settings, database: Database, request: RiskRequest): Promise<Risk> {
  const { target: table } = settings;
  if (table === null) throw missingOption(settings, "sink.postgres.table");
  const ring = await ringAtHand(settings);
  const counted = await database.transaction(
    "counting what the table gives away",
    (query) => count(settings, query, table, ring, request),
    {
      unhurried: true,
      unfiltered: true,
    },
  );
  return { table, ...counted, masks: exposures(settings.columns), ring: factsOf(ring) };
}

type Counted = Pick<Risk, "estimatedRows" | "sampledPercent" | "aliased" | "columns" | "groups">;

async function count(
  settings: Settings,
  query: Query,
  table: TableName,
  ring: MaskKeys | MasklineError,
  request: RiskRequest,
): Promise<Counted> {
  const { rows, columns: there } = await lookAtTable(query, table);
  const chosen = chooseColumns(settings, there, request);
  const sampledPercent = rows > request.sample ? (100 * request.sample) / rows : null;
  const reading: Reading = { table, percent: sampledPercent };
  const { schema } = postgresOf(settings);
  const aliased = await mayRead(query, schema, "alias");
  const epochs = await tokenEpochs(query, schema, table);
  const columns: ColumnRisk[] = [];
  for (const { column, mask } of settings.columns) {
    if (mask === null) continue;
    if (!there.includes(column.name))
      throw new MasklineError("target_misfit", `the table has no column ${column.name}, which the contract fills`, {
        next: "maskline check --connect lists everything that does not fit",
      });
    const tagged = maskFacts[mask.kind].tagged && mask.domain !== null;
    const aliases = tagged && aliased ? { schema, domain: mask.domain } : null;
    const prefixes = tagged ? prefixesHeld(mask, ring) : null;
    const counts = await countValues(query, reading, { column: column.name, aliases, prefixes: prefixes ?? [] });
    columns.push({
      column: column.name,
      kind: mask.kind,
      ...frequencyOf(counts),
      held: prefixes === null ? null : counts.held,
      epochs: epochs === null ? null : (epochs.get(column.name) ?? 0),
    });
  }
  const countedBy = request.by ?? (there.includes("user_id") ? "user_id" : null);
  const sizes = await countGroups(query, reading, chosen.columns, countedBy);
  const shown =
    request.show === null
      ? null
      : hideMasked(
          settings,
          chosen.columns,
          await listSmallGroups(query, reading, chosen.columns, countedBy, request.k, request.show),
        );
  const groups = { ...groupFiguresOf(sizes, request.k), chosen, countedBy, shown };
  return { estimatedRows: rows, sampledPercent, aliased, columns, groups };
}

function chooseColumns(settings: Settings, there: readonly string[], { quasi, by }: RiskRequest): QuasiIdentifiers {
  const unknown = [...(quasi ?? []), ...(by === null ? [] : [by])].find((name) => !there.includes(name));
  if (unknown !== undefined)
    throw new MasklineError("usage", `the table has no column ${unknown}`, { next: `--quasi and --by take: ${there.join(", ")}` });
  if (quasi !== null) return { columns: [...new Set(quasi)], leftOut: [] };
  const columns = settings.columns
    .filter(({ column }) => there.includes(column.name))
    .map((configured) => ({ column: configured.column, masked: maskedness(configured) }));
  return quasiIdentifiersOf(columns, settings.options.identity);
}

function maskedness({ mask, inside }: ConfiguredColumn): "no" | "a part" | "whole" {
  if (mask === null) return inside === undefined ? "no" : "whole";
  return maskFacts[mask.kind].keeps === "a part" ? "a part" : "whole";
}

/** What is left of personal values is personal still, and a token says whose row it is: neither is printed. */
function hideMasked(settings: Settings, columns: readonly string[], groups: readonly Group[]): readonly Group[] {
  const masked = new Set(settings.columns.filter((column) => maskedness(column) !== "no").map(({ column }) => column.name));
  return groups.map((group) => ({
    ...group,
    values: group.values.map((value, i) => (value !== null && masked.has(columns[i] ?? "") ? "(masked)" : value)),
  }));
}

/** How tokens begin that the ring has an enabled key for; null without a ring that holds keys of this domain. */
function prefixesHeld({ kind, domain, key }: MaskDefinition, ring: MaskKeys | MasklineError): readonly string[] | null {
  if (ring instanceof MasklineError || domain === null) return null;
  try {
    return ring.domainKeys(kind, domain, key).known.map(({ id }) => tokenPrefix(id));
  } catch (error) {
    // a writer's ring of another contract
    if (error instanceof MasklineError) return null;
    throw error;
  }
}

/** The ring, or why it is not at hand: the figures of the table need none. */
async function ringAtHand(settings: Settings): Promise<MaskKeys | MasklineError> {
  try {
    return await openKeyRing(settings);
  } catch (error) {
    if (error instanceof MasklineError) return error;
    throw error;
  }
}

function factsOf(ring: MaskKeys | MasklineError): RingFacts {
  if (ring instanceof MasklineError) return { kind: "none", because: ring.message };
  return {
    kind: ring instanceof KeyRing ? "full" : "writer's",
    enabledKeys: ring.keys.filter(({ status }) => status === "ENABLED").length,
    opensQuarantine: ring.sealing.some(({ privateKey }) => privateKey !== null),
  };
}

/** The process's own time: on a busy machine the clock says how busy it is. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Speeds are measured under keys made for it: they depend on no key, and the ring is not used to mask what nobody sent. */
function exposures(columns: readonly ConfiguredColumn[]): readonly MaskExposure[] {
  const keys = createKeyRing(randomBytes);
  const measured = new Map<string, number>();
  const rateOf = (definition: MaskDefinition): number | null => {
    const { kind, type, encode, settings } = definition;
    if (!maskFacts[kind].keepsEquality) return null;
    const same = JSON.stringify([kind, type, encode, settings]);
    const before = measured.get(same);
    if (before !== undefined) return before;
    const domainKeys = maskFacts[kind].keyed ? keys.domainKeys(kind, "risk") : null;
    const mask = createMask({ ...definition, key: null, domain: domainKeys === null ? null : "risk" }, domainKeys);
    const rate = measureRate((values) => mask.apply(values), candidatesFor(definition, batchValues), processorMs, measureMs);
    measured.set(same, rate);
    return rate;
  };
  return columns.flatMap(placedMasks).flatMap(({ place, read, sought, mask }) => {
    const domains = sought?.map(soughtDomain).map(({ name, ...domain }) => ({ place: `${place} (${name})`, domain })) ?? [
      { place, domain: valueDomainOf(mask, longestText(read)) },
    ];
    return domains.map(({ place: named, domain }) => ({
      place: named,
      kind: mask.kind,
      domain,
      ...exposureOf(mask, domain, rateOf(mask)),
    }));
  });
}
