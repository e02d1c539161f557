import { withDatabase } from "../../app/assemble-sink.ts";
import type { Settings } from "../../app/config/load.ts";
import { type RenderedColumn, renderMasked } from "../../app/recovery/masked-rendering.ts";
import { attemptUpon } from "../../app/recovery/quarantine-act.ts";
import { readDate, readTimestamp } from "../../contract/time.ts";
import { MasklineError } from "../../errors.ts";
import type { Database } from "../../postgres/database.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { listQuarantine, type QuarantinedMessage, showQuarantined } from "../../postgres/quarantine.ts";
import { groupColumns } from "../columns.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { explainedAct } from "../explained-act.ts";
import { explainedFlags } from "../explained.ts";
import { fittedTable } from "../fitted-table.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, formatTable, moment, showable, type TableColumn } from "../table.ts";

export const quarantineList: Command = {
  flags: {
    ...configFlags,
    pipeline: { value: "NAME", doc: "of this pipeline (default: that of the configuration)" },
    since: { value: "WHEN", doc: "quarantined since then: a day, a time with offset, or so long ago: 90m, 24h" },
  },
  about: "Groups refused messages by reason and field. Bodies are sealed and are not shown.",
  examples: [
    ["maskline quarantine list", "what is wrong, most frequent first"],
    ["maskline quarantine list --since 24h", "what was refused in the last day"],
  ],
  async run(call) {
    const settings = settingsOf(call);
    const since = sinceOf(call);
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const groups = await listQuarantine(database, schema, call.text("pipeline") ?? settings.pipeline, since);
      if (call.output.json) return call.output.document({ groups });
      if (groups.length === 0)
        return call.output.say(since === null ? "the quarantine is empty" : "nothing was quarantined since then");
      for (const line of fittedTable(groupColumns, groups, call.output.dataWidth)) call.output.data(line);
      call.output.say("\nnext: maskline quarantine show ID; when the contract was mended: maskline quarantine replay --help");
    });
  },
};

export const quarantineShow: Command = {
  operands: "ID",
  flags: {
    ...configFlags,
    masked: {
      doc: "open the body and show what the table would hold, column by column: a partial reveal, with --reason and --ticket",
    },
    ...explainedFlags,
  },
  about: `Shows every fault of a message and the types and lengths of the fields the contract names; never a value. --masked opens the body: columns
that can be read are shown as the table would hold them, masked. That takes the policy's action reveal-partial on domain quarantine, or
reveal where a mask was removed since the message was sealed.`,
  examples: [
    ["maskline quarantine show 2a4adbf3-7689-4082-beaa-185eca9e1c65", "one message by its id"],
    [
      "maskline quarantine show 2a4adbf3-7689-4082-beaa-185eca9e1c65 --masked --reason 'what do they send?' --ticket OPS-7",
      "with its masked row",
    ],
  ],
  async run(call) {
    const [id] = call.operands;
    if (id === undefined) throw new MasklineError("usage", "names no message", { next: "maskline quarantine list" });
    const settings = settingsOf(call);
    const { messages, masked } = call.has("masked") ? await readMasked(call, settings, id) : await readPlain(settings, id);
    if (call.output.json) return call.output.document(masked === null ? { messages } : { messages, masked });
    for (const message of messages) showMessage(call.output, message);
    if (masked !== null) showTable(call.output, renderedColumns, masked);
  },
};

interface ShownMessage {
  readonly messages: readonly QuarantinedMessage[];
  readonly masked: readonly RenderedColumn[] | null;
}

async function readPlain(settings: Settings, id: string): Promise<ShownMessage> {
  return withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    return { messages: await readMessages(database, schema, id), masked: null };
  });
}

async function readMasked(call: Call, settings: Settings, id: string): Promise<ShownMessage> {
  const attempt = attemptUpon(settings, "reveal-partial", { masked: true });
  return explainedAct(call, settings, attempt, async (governed, why) => ({
    messages: await readMessages(governed.database, governed.schema, id),
    masked: await renderMasked(settings, governed, id, why),
  }));
}

/** @throws MasklineError `not_found` */
async function readMessages(database: Database, schema: string, id: string): Promise<readonly QuarantinedMessage[]> {
  const messages = await showQuarantined(database, schema, id);
  if (messages.length > 0) return messages;
  throw new MasklineError("not_found", `message ${id} is not in the quarantine`, { next: "maskline quarantine list" });
}

/** @throws MasklineError `usage` where it is no time */
function sinceOf(call: Call): Date | null {
  const text = call.text("since");
  if (text === null) return null;
  if (/^\d+(?:\.\d+)?[smh]?$/.test(text)) return new Date(Date.now() - (call.durationMs("since") ?? 0));
  const time = readTimestamp(text);
  const day = typeof time === "string" ? time : readDate(text);
  if (typeof day === "string") return new Date(Date.parse(day));
  throw new MasklineError("usage", "--since takes a day (2024-01-31), a time with offset (2024-01-31T23:59:59Z), or 90m, 24h");
}

function showMessage(output: Output, message: QuarantinedMessage): void {
  output.data(showable(`${message.id}  ${message.pipeline}`));
  output.data(
    `sent ${moment(message.sentAt) ?? "at an unknown time"}, quarantined ${moment(message.quarantinedAt)}, ${message.bodyBytes} bytes, received ${message.attempt === 1 ? "once" : `${count(message.attempt)} times`}`,
  );
  if (message.replays > 0)
    output.data(
      `replayed ${message.replays === 1 ? "once" : `${count(message.replays)} times`}, the last time ${moment(message.replayedAt)}`,
    );
  showTable(
    output,
    [
      { title: "reason", value: ({ reason }) => reason },
      { title: "field", value: ({ path }) => path || "(body)" },
      { title: "expected", value: ({ expected }) => expected },
      { title: "found", value: ({ found }) => found },
    ],
    message.faults,
  );
  showTable(
    output,
    [
      { title: "field", value: ({ path }) => path },
      { title: "is", value: ({ found }) => found },
      { title: "length", value: ({ length }) => length },
    ],
    message.structure,
  );
}

const renderedColumns: readonly TableColumn<RenderedColumn>[] = [
  { title: "column", value: ({ column }) => column },
  { title: "would hold", value: ({ value }) => value, width: 64 },
  { title: "cannot be read", value: ({ faults }) => faults.map(({ reason, path }) => `${reason} ${path || "(body)"}`).join(", ") },
];

function showTable<Row>(output: Output, columns: readonly TableColumn<Row>[], rows: readonly Row[]): void {
  output.data();
  for (const line of formatTable(columns, rows)) output.data(line);
}
