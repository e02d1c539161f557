import { withDatabase } from "../../app/assemble-sink.ts";
import { MasklineError } from "../../errors.ts";
import { requireSchema } from "../../postgres/migrate.ts";
import { listQuarantine, showQuarantined } from "../../postgres/quarantine.ts";
import { groupColumns } from "../columns.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable, moment } from "../table.ts";

export const quarantineList: Command = {
  flags: configFlags,
  about: "Groups refused messages by reason and field. Bodies are sealed and are not shown.",
  examples: [["maskline quarantine list", "what is wrong, most frequent first"]],
  async run(call) {
    const settings = settingsOf(call);
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const groups = await listQuarantine(database, schema, settings.pipeline);
      if (call.output.json) return call.output.document({ groups });
      if (groups.length === 0) return call.output.say("the quarantine is empty");
      for (const line of formatTable(groupColumns, groups)) call.output.data(line);
      call.output.say("\nnext: maskline quarantine show ID");
    });
  },
};

export const quarantineShow: Command = {
  operands: "ID",
  flags: configFlags,
  about: "Shows every fault of a message and the types and lengths of the fields the contract names. Never a value.",
  examples: [["maskline quarantine show 2a4adbf3-7689-4082-beaa-185eca9e1c65", "one message by its id"]],
  async run(call) {
    const [id] = call.operands;
    if (id === undefined) throw new MasklineError("usage", "names no message", { next: "maskline quarantine list" });
    const settings = settingsOf(call);
    await withDatabase(settings, async (database, schema) => {
      await requireSchema(database, schema);
      const messages = await showQuarantined(database, schema, id);
      if (messages.length === 0)
        throw new MasklineError("not_found", `message ${id} is not in the quarantine`, { next: "maskline quarantine list" });
      if (call.output.json) return call.output.document({ messages });
      for (const message of messages) {
        const { output } = call;
        output.data(`${message.id}  ${message.pipeline}`);
        output.data(
          `sent ${moment(message.sentAt) ?? "at an unknown time"}, quarantined ${moment(message.quarantinedAt)}, ${message.bodyBytes} bytes, received ${message.attempt} times`,
        );
        output.data();
        for (const line of formatTable(
          [
            { title: "reason", value: ({ reason }) => reason },
            { title: "field", value: ({ path }) => path || "(body)" },
            { title: "expected", value: ({ expected }) => expected },
            { title: "found", value: ({ found }) => found },
          ],
          message.faults,
        )) {
          output.data(line);
        }
        output.data();
        for (const line of formatTable(
          [
            { title: "field", value: ({ path }) => path },
            { title: "is", value: ({ found }) => found },
            { title: "length", value: ({ length }) => length },
          ],
          message.structure,
        )) {
          output.data(line);
        }
      }
    });
  },
};
