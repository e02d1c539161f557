import { withDatabase } from "../../app/assemble-sink.ts";
import { assessRisk, defaultSample, type MaskExposure, type Risk } from "../../app/recovery/risk.ts";
import { type UnknownInFile, unknownInFile } from "../../app/unknown-in-file.ts";
import { maskFacts } from "../../masks/mask.ts";
import { showTable } from "../../postgres/names.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { fittedTable } from "../fitted-table.ts";
import type { Output } from "../output.ts";
import { exposureColumns, frequencyColumns, sizeColumns } from "../risk-columns.ts";
import { settingsOf } from "../settings.ts";
import { count, messages } from "../table.ts";
import { percent } from "../time-taken.ts";

const defaultK = 5;
const defaultLimit = 20;
const indent = "  ";

export const risk: Command = {
  flags: {
    ...configFlags,
    quasi: {
      value: "COLUMN,...",
      doc: "columns somebody may know of a person (default: the plain ones of the contract that are no ids)",
    },
    k: { value: "N", doc: `groups of fewer people than this are small (default ${defaultK})` },
    by: {
      value: "NAME",
      doc: "the column that tells people apart (default: user_id, where there is one; otherwise rows are counted)",
    },
    show: { doc: "list the small groups with their values; never those of masked columns" },
    limit: { value: "N", doc: `with --show: at most so many groups (default ${defaultLimit})` },
    sample: { value: "N", doc: `of a larger table read about so many rows, on pages by chance (default ${count(defaultSample)})` },
    events: { value: "FILE", doc: "count the fields that the contract does not name in the events of a file (NDJSON)" },
  },
  about: `Says what the target table still gives away: how often masked values occur, how small the groups are that share all their plain values
(k-anonymity), and what somebody gets who has the table, may also have values masked, or has the writer's or the full key ring, with the
time it takes to try all values at the speed measured on this machine. Figures are of your own rows, contract and ring. Only reads; opens
no token; needs SELECT on the table and nothing else.`,
  examples: [
    ["maskline risk", "all of it, without any value"],
    ["maskline risk --quasi locale,device_type --k 10 --show", "which combinations fewer than 10 people share"],
    ["maskline risk --json", "one JSON object"],
  ],
  async run(call) {
    const request = requestOf(call);
    const settings = settingsOf(call);
    const events = call.text("events");
    const unknown = events === null ? null : await unknownInFile(settings, events);
    await withDatabase(settings, async (database) => {
      const found = await assessRisk(settings, database, request);
      if (call.output.json) return call.output.document(documentOf(found, unknown));
      showFrequencies(call.output, found);
      showGroups(call.output, found, request.show === null);
      showUnknown(call.output, unknown);
      showExposures(call.output, found);
    });
  },
};

function requestOf(call: Call): Parameters<typeof assessRisk>[2] {
  const quasi =
    call
      .text("quasi")
      ?.split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "") ?? null;
  const limit = call.number("limit", 1) ?? defaultLimit;
  return {
    quasi,
    by: call.text("by"),
    k: call.number("k", 2) ?? defaultK,
    show: call.has("show") ? limit : null,
    sample: call.number("sample", 1) ?? defaultSample,
  };
}

/** Names of unknown fields come from outside and can be personal: they are not in the document. */
function documentOf({ table, ...found }: Risk, unknown: UnknownInFile | null): unknown {
  const unknownFields = unknown === null ? null : { messages: unknown.messages, names: unknown.fields.length, more: unknown.more };
  return { table: showTable(table), ...found, unknownFields };
}

function rowsOf<Row>(output: Output, columns: Parameters<typeof fittedTable<Row>>[0], rows: readonly Row[]): void {
  const width = output.dataWidth === null ? null : output.dataWidth - indent.length;
  for (const line of fittedTable(columns, rows, width)) output.data(`${indent}${line}`);
}

function heading(output: Output, text: string): void {
  output.data(output.style("bold", text, "data"));
}

function showFrequencies(output: Output, { table: name, estimatedRows, sampledPercent, aliased, columns, groups }: Risk): void {
  if (sampledPercent === null) output.data(`${showTable(name)}: ${count(groups.rows)} rows, all of them read`);
  else
    output.data(
      `${showTable(name)}: about ${count(estimatedRows)} rows; the figures are of a sample of ${count(groups.rows)} (whole pages): shares are estimates, there are more different values, and groups are larger than here`,
    );
  output.data();
  heading(output, "how often masked values occur");
  if (columns.length === 0) output.data("  the contract masks no column as a whole; what lies inside values is not counted");
  else rowsOf(output, frequencyColumns, columns);
  const worst = columns
    .filter(({ topShare, distinct }) => topShare !== null && distinct > 1)
    .toSorted((a, b) => (b.topShare ?? 0) - (a.topShare ?? 0))[0];
  if (worst?.topShare !== undefined && worst.topShare !== null)
    output.data(`  who takes every ${worst.column} for the most frequent one is right in ${percent(worst.topShare)} of its rows`);
  if (!aliased && columns.some(({ kind }) => maskFacts[kind].tagged))
    output.data("  (this user may not read which tokens of two keys are of one value: during a rotation these count as two)");
  for (const { column, epochs } of columns) {
    if (epochs !== null && epochs > 1)
      output.data(
        `  ${column} has held tokens of ${epochs} keys or domains that cannot be compared: a value masked under two counts as two`,
      );
  }
  output.data();
}

function showGroups(output: Output, { groups, sampledPercent }: Risk, counted: boolean): void {
  const { chosen, countedBy, k, groups: all, groupsBelow, rowsBelow, rows, smallest, sizesBelow, shown } = groups;
  heading(output, `rows that are equal in ${chosen.columns.length === 0 ? "no column (none is left)" : chosen.columns.join(", ")}`);
  if (chosen.leftOut.length > 0) {
    const left = chosen.leftOut.map(({ column, because }) => `${column} (${because})`).join(", ");
    output.data(`  left out: ${left}; --quasi names others`);
  }
  const unit = countedBy === null ? "rows" : `different ${countedBy}`;
  if (smallest === null) output.data("  there is no row");
  else {
    // groups are larger than their part in a sample: of the table it is said only where all of it was read
    const said = sampledPercent === null ? `: the table is ${count(smallest)}-anonymous` : " in the sample";
    output.data(`  ${count(all)} groups; the smallest has ${count(smallest)} ${unit}${said}`);
    output.data(
      `  ${count(groupsBelow)} groups have fewer than ${k} ${unit}: ${count(rowsBelow)} rows, ${percent(rowsBelow / rows)} of all`,
    );
    if (sizesBelow.length > 0) rowsOf(output, sizeColumns(unit), sizesBelow);
  }
  if (shown !== null && shown.length > 0) {
    output.data();
    const values = chosen.columns.map((title, i) => ({ title, value: (group: (typeof shown)[number]) => group.values[i] ?? null }));
    rowsOf(output, [{ title: unit, value: ({ size }) => size }, { title: "rows", value: (group) => group.rows }, ...values], shown);
  } else if (groupsBelow > 0 && counted) output.data("  --show lists them");
  output.data();
}

function showUnknown(output: Output, unknown: UnknownInFile | null): void {
  heading(output, "fields that the contract does not name");
  if (unknown === null) {
    output.data(
      "  nothing is stored of them, their number neither: --events FILE counts those of a file, maskline preview those of the queue",
    );
  } else {
    const { fields, more, messages: read } = unknown;
    output.data(`  ${more ? "more than " : ""}${count(fields.length)} in ${messages(read)}, and stored nowhere`);
    if (output.dataOnTerminal) for (const field of fields) output.data(`  ${field.path} (${messages(field.messages)})`);
    else if (fields.length > 0) output.data("  (at a terminal their names are shown)");
  }
  output.data();
}

function showExposures(output: Output, { masks, ring, columns }: Risk): void {
  heading(output, "what somebody gets who has");
  if (masks.length === 0) return output.data("  no column is masked");
  rowsOf<MaskExposure>(output, exposureColumns, masks);
  output.data(
    "  times: to try every value on one core of this machine, at the speed measured now; special hardware is many times faster",
  );
  output.data("  a masker: who may have values masked and sees their tokens. Each has what stands to his left as well");
  if (ring.kind === "none")
    return output.data(`  the key ring is not at hand (${ring.because}): what it opens here was not counted`);
  output.data(
    `  the ring at hand is a ${ring.kind} one with ${count(ring.enabledKeys)} enabled ${ring.enabledKeys === 1 ? "key" : "keys"}; it ${ring.opensQuarantine ? "opens" : "does not open"} what is sealed in the quarantine`,
  );
  for (const { column, held, rows, nulls } of columns) {
    if (held !== null && rows > nulls)
      output.data(
        `  of ${column} it has the keys of ${count(held)} in ${count(rows - nulls)} tokens (${percent(held / (rows - nulls))})`,
      );
  }
}
