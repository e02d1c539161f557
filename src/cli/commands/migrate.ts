import { withDatabase } from "../../app/assemble-sink.ts";
import { migrate as migrateSchema, migrationScript, schemaVersion } from "../../postgres/migrate.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";

export const migrate: Command = {
  flags: { ...configFlags, print: { doc: "print the SQL for a new database and change nothing" } },
  about: `Makes schema maskline (or sink.postgres.schema): receipts, quarantine, ledger, mask definitions. Forward only, in one
transaction, safe to repeat. Your own table is never touched.`,
  examples: [
    ["maskline migrate", "create or upgrade"],
    ["maskline migrate --print > maskline.sql", "for whoever may run SQL where you may not"],
  ],
  async run(call) {
    const settings = settingsOf(call, { unset: call.has("print") ? "servers" : "nowhere" });
    const schema = settings.options.sink?.postgres?.schema ?? "maskline";
    if (call.has("print")) return call.output.data(migrationScript(schema));
    await withDatabase(settings, async (database) => {
      const applied = await migrateSchema(database, schema);
      if (call.output.json) call.output.document({ schema, version: schemaVersion, applied });
      else
        call.output.say(applied.length === 0 ? `schema ${schema} is current` : `schema ${schema} is at version ${schemaVersion}`);
    });
  },
};
