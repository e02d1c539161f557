import { type Preview, preview as runPreview, type PreviewedMessage } from "../../app/preview.ts";
import type { UnknownFields } from "../../contract/unknown-fields.ts";
import { MasklineError } from "../../errors.ts";
import type { QueueFacts } from "../../sources/sqs/queue.ts";
import { type Command, configFlags } from "../command.ts";
import { fittedTable } from "../fitted-table.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, messages, type TableColumn } from "../table.ts";

const defaultMessages = 10;
/** They are held, and tried one by one, all at once: enough to look at. */
const mostMessages = 100;

export const preview: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    count: { short: "n", value: "N", doc: `at most so many messages (default ${defaultMessages}, at most ${mostMessages})` },
  },
  about: `Receives real messages once, puts them through contract, masks and the load itself, in a transaction that is rolled back, and gives
them back. Shows the rows as they would be stored, and what would be quarantined and why. Stores nothing: no row, no receipt, no
definition; works beside running pipelines. It costs each message one receive: near the queue's maxReceiveCount it says so. Sequences of
the table advance, as they do with every transaction that is rolled back.`,
  examples: [
    ["maskline preview", "what would become of ten messages"],
    ["maskline preview -n 50 --json", "one JSON object; values as the texts that the database reads"],
  ],
  async run(call) {
    const { output } = call;
    const wanted = call.number("count", 1) ?? defaultMessages;
    if (wanted > mostMessages) throw new MasklineError("usage", `--count takes at most ${mostMessages}`);
    const settings = settingsOf(call);
    const found = await runPreview(
      settings,
      { mostMessages: wanted, onReady: (facts) => announce(output, facts, wanted) },
      call.stop,
    );
    warnOfReceives(output, found);
    if (output.json) return output.document(jsonResult(found));
    show(output, found);
  },
};

const quarantined = ({ outcome }: PreviewedMessage): boolean => outcome === "quarantined";

function warn(output: Output, text: string): void {
  output.say(`${output.style("yellow", "warning:")} ${text}`);
}

function announce(output: Output, { maxReceiveCount, fifo }: QueueFacts, wanted: number): void {
  const receives = maxReceiveCount === null ? "one receive" : `one of its ${count(maxReceiveCount)} receives`;
  output.say(`receiving up to ${messages(wanted)}: each is given back, and spends ${receives}`);
  output.say("loading into a transaction that is rolled back: nothing is stored, but the table's sequences advance");
  if (fifo) warn(output, "this is a FIFO queue: the groups of these messages stand still until they are given back");
}

/** A message can be received `maxReceiveCount` times; what asks for it once more finds it in the dead-letter queue. */
function warnOfReceives(output: Output, { messages: previewed, facts: { maxReceiveCount } }: Preview): void {
  if (maxReceiveCount === null) return;
  const of = (some: readonly PreviewedMessage[]): string =>
    `${count(some.length)} of ${messages(previewed.length)} ${some.length === 1 ? "has" : "have"} now been received`;
  const spent = previewed.filter(({ attempt }) => attempt >= maxReceiveCount);
  const nearly = previewed.filter(({ attempt }) => attempt === maxReceiveCount - 1);
  if (spent.length > 0) {
    warn(
      output,
      `${of(spent)} ${maxReceiveCount} of ${maxReceiveCount} times: the next receive sends ${spent.length === 1 ? "it" : "them"} to the dead-letter queue (maskline dlq drain loads from there)`,
    );
  }
  if (nearly.length > 0) warn(output, `${of(nearly)} ${maxReceiveCount - 1} of ${maxReceiveCount} times: one receive is left`);
}

function show(output: Output, found: Preview): void {
  const rows = found.messages.filter((message) => !quarantined(message));
  const refused = found.messages.filter(quarantined);
  output.say();
  if (rows.length > 0) for (const line of fittedTable(rowColumns(found.columns), rows, output.dataWidth)) output.data(line);
  if (rows.length > 0 && refused.length > 0) output.data();
  if (refused.length > 0)
    for (const line of fittedTable(faultColumns, refused.flatMap(faultsOf), output.dataWidth)) output.data(line);
  if (found.messages.length > 0) output.say();
  conclude(output, found);
}

function conclude(output: Output, { messages: previewed, refusedAlike, unknown, facts, notGivenBack }: Preview): void {
  if (previewed.length === 0) return concludeEmpty(output, facts);
  const { loaded, duplicate, quarantined: refused } = countByOutcome(previewed);
  output.say(
    `${messages(previewed.length)}: ${count(loaded)} would be loaded, ${count(duplicate)} ${duplicate === 1 ? "is a duplicate" : "are duplicates"}, ${count(refused)} would be quarantined`,
  );
  output.say(`nothing was stored, and ${notGivenBack === 0 ? "all were given back" : givenBackLate(notGivenBack, facts)}`);
  showUnknown(output, unknown);
  if (refusedAlike !== null) {
    warn(output, `the table refuses every row alike (${refusedAlike}): a run would stop then, and quarantine nothing`);
  }
  const spent = previewed.some(({ attempt }) => attempt >= (facts.maxReceiveCount ?? Infinity));
  const run = `maskline run --drain${spent ? ", then maskline dlq drain" : ""}`;
  output.say(
    `${output.style("bold", "next:")} ${refused === 0 ? run : `change contract or table if these should load, and preview again; or ${run}`}`,
  );
}

function givenBackLate(number: number, { visibilityTimeoutMs }: QueueFacts): string {
  return `${messages(number)} could not be given back: visible again within ${count(visibilityTimeoutMs / 1_000)} s`;
}

/** The depths are those of before: what was received too often already has gone to the dead-letter queue by being asked for. */
function concludeEmpty(output: Output, { visible, inFlight, delayed, maxReceiveCount }: QueueFacts): void {
  output.say(
    `no message came; there were about ${count(visible)} visible, ${count(inFlight)} in flight, ${count(delayed)} delayed`,
  );
  output.say(`${output.style("bold", "next:")} ${nextWhenEmpty()}`);

  function nextWhenEmpty(): string {
    if (visible > 0 && maxReceiveCount !== null)
      return "maskline dlq drain --dry-run shows whether they have gone to the dead-letter queue";
    if (inFlight + delayed > 0)
      return "maskline preview again: what is in flight comes back unless someone deletes it, what is delayed comes later";
    return "maskline sample --send puts generated events on the queue, for a try";
  }
}

/** Names of fields come from outside and can be personal: on a terminal, where nothing keeps them, and nowhere else. */
function showUnknown(output: Output, { fields, more }: UnknownFields): void {
  if (fields.length === 0) return;
  const number = `${more ? "more than " : ""}${count(fields.length)} ${fields.length === 1 ? "field" : "fields"}`;
  const heading = `${number} that no column reads, and that nothing stores`;
  if (!output.interactive || !output.dataOnTerminal) return output.say(`${heading} (at a terminal their names are shown)`);
  output.say(`${heading}:`);
  for (const { path, messages: times } of fields) output.say(`  ${path} (${messages(times)})`);
}

function rowColumns(names: readonly string[]): readonly TableColumn<PreviewedMessage>[] {
  return [
    { title: "would be", value: ({ outcome }) => outcome },
    ...names.map((title, column) => ({ title, value: ({ row }: PreviewedMessage) => row?.[column] ?? null })),
  ];
}

interface ShownFault {
  readonly id: string;
  readonly reason: string;
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

const faultColumns: readonly TableColumn<ShownFault>[] = [
  { title: "would be quarantined", value: ({ id }) => id },
  { title: "reason", value: ({ reason }) => reason },
  { title: "field", value: ({ path, reason }) => path || (reason === "refused_by_database" ? "(row)" : "(body)") },
  { title: "expected", value: ({ expected }) => expected },
  { title: "found", value: ({ found }) => found },
];

function faultsOf({ id, faults }: PreviewedMessage): readonly ShownFault[] {
  return faults.map((fault) => ({ id, ...fault }));
}

type Counts = Record<PreviewedMessage["outcome"], number>;

function countByOutcome(previewed: readonly PreviewedMessage[]): Counts {
  const counts: Counts = { loaded: 0, duplicate: 0, quarantined: 0 };
  for (const { outcome } of previewed) counts[outcome] += 1;
  return counts;
}

function jsonResult({ columns, messages: previewed, refusedAlike, unknown, facts, notGivenBack }: Preview): unknown {
  return {
    received: previewed.length,
    ...countByOutcome(previewed),
    maxReceiveCount: facts.maxReceiveCount,
    refusedAlike,
    notGivenBack,
    unknownFields: { names: unknown.fields.length, more: unknown.more },
    messages: previewed.map(({ id, sentAtMs, attempt, outcome, row, faults }) => ({
      id,
      sentAt: sentAtMs === null ? null : new Date(sentAtMs).toISOString(),
      attempt,
      outcome,
      row: row === null ? null : Object.fromEntries(columns.map((name, column) => [name, row[column] ?? null])),
      faults,
    })),
  };
}
