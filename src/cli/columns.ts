import { type Reason, reasons } from "../contract/fault.ts";
import type { SharedValue } from "../postgres/duplicates.ts";
import type { Account } from "../postgres/ledger.ts";
import type { QuarantineGroup } from "../postgres/quarantine.ts";
import { count, moment, type TableColumn } from "./table.ts";

export const accountColumns: readonly TableColumn<Account>[] = [
  { title: "started", value: ({ firstAt }) => moment(firstAt) },
  { title: "run", value: ({ run }) => run.slice(0, 8) },
  { title: "received", value: ({ received }) => received },
  { title: "loaded", value: ({ loaded }) => loaded },
  { title: "duplicate", value: ({ duplicate }) => duplicate },
  { title: "quarantined", value: ({ quarantined }) => quarantined },
  { title: "returned", value: ({ returned }) => returned },
  { title: "difference", value: ({ difference }) => difference },
  { title: "state", value: ({ state, abandoned }) => (abandoned === 0 ? state : `${state}, ${count(abandoned)} abandoned`) },
];

export const groupColumns: readonly TableColumn<QuarantineGroup>[] = [
  { title: "messages", value: ({ messages }) => messages },
  { title: "reason", value: ({ reason }) => reason, whole: true },
  { title: "field", value: ({ path }) => path || "(body)" },
  { title: "what it means", value: ({ reason }) => reasons[reason as Reason] ?? "", width: 62 },
  { title: "first seen", value: ({ firstAt }) => moment(firstAt), whole: true },
  { title: "last seen", value: ({ lastAt }) => moment(lastAt), whole: true },
  { title: "for example", value: ({ exampleId }) => exampleId, width: Infinity, whole: true },
];

export const sharedColumns: readonly TableColumn<SharedValue>[] = [
  { title: "rank", value: ({ rank }) => rank },
  { title: "users", value: ({ users }) => users },
  { title: "rows", value: ({ rows }) => rows },
  { title: "first seen", value: ({ firstSeen }) => firstSeen },
  { title: "last seen", value: ({ lastSeen }) => lastSeen },
  { title: "token", value: ({ token }) => token, width: 64 },
];
