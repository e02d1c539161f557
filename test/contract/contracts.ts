import { compileContract as compileReader } from "../../src/contract/check.ts";
import type { PassesAsIs } from "../../src/contract/column-reader.ts";
import type { Column, Contract } from "../../src/contract/column.ts";
import type { Fault } from "../../src/contract/fault.ts";
import type { Incoming } from "../../src/contract/incoming.ts";
import { TextColumn } from "../../src/contract/text-column.ts";

/** What became of one message: a text or null for each column, or what is wrong with it; and what it is known by, if not by its id. */
export type Checked = ({ readonly values: readonly (string | null)[] } | { readonly faults: readonly Fault[] }) & {
  readonly identity?: string;
};
export type Check = (incoming: Incoming) => Checked;

/** A contract's reader, asked for one message after the other. */
export function compileContract(contract: Contract, exceptions?: ReadonlyMap<string, PassesAsIs>): Check {
  const reader = compileReader(contract, exceptions);
  const rows = { columns: contract.columns.map(() => new TextColumn()), ids: [] as (string | null)[] };
  return (incoming) => {
    const refused = reader.append(incoming, rows);
    const row = rows.ids.length - 1;
    const id = refused === null ? rows.ids[row] : refused.id;
    const known = id === undefined || id === null || id === incoming.id ? {} : { identity: id };
    if (refused !== null) return { faults: refused.faults, ...known };
    return { values: rows.columns.map((column) => column.at(row)), ...known };
  };
}

/** A column with the defaults that the configuration fills in. */
export function column(name: string, parts: Partial<Column> = {}): Column {
  return { name, from: name, type: "text", as: "major", max: null, required: false, fallback: null, masked: "no", ...parts };
}

export function contract(columns: readonly Column[], parts: Partial<Contract> = {}): Contract {
  return { columns, decode: [], maxBodyBytes: 262_144, ...parts };
}

/** The contract of the login events, as the starter configuration has it. */
export const loginContract: Contract = contract([
  column("user_id", { max: 128, required: true }),
  column("device_type", { max: 32, required: true }),
  column("masked_ip", { from: "ip", type: "ip", required: true, masked: "canonical" }),
  column("masked_device_id", { from: "device_id", max: 40, required: true, masked: "canonical" }),
  column("locale", { max: 32 }),
  column("app_version", { type: "version" }),
  column("create_date", { from: "$sent_at", type: "date" }),
]);

export const login = {
  user_id: "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11",
  app_version: "2.3.0",
  device_type: "android",
  ip: "203.0.113.7",
  locale: "RU",
  device_id: "593-47-5928",
} as const;

export function incoming(body: string, parts: Partial<Incoming> = {}): Incoming {
  return {
    id: "message-1",
    body,
    sentAtMs: 1_706_745_599_999,
    receivedAtMs: 1_706_745_600_000,
    groupId: null,
    attributes: {},
    ...parts,
  };
}

/** What one column makes of one field's value. */
export function read(value: unknown, parts: Partial<Column>): Checked {
  return compileContract(contract([column("field", parts)]))(incoming(JSON.stringify({ field: value })));
}

/** The text that one column makes of a value, or the reason for which it is refused. */
export function outcome(value: unknown, parts: Partial<Column>): string | null {
  const checked = read(value, parts);
  return "values" in checked ? (checked.values[0] ?? null) : `! ${checked.faults.map((fault) => fault.reason).join(" ")}`;
}
