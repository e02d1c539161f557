import { withDatabase } from "../../app/assemble-sink.ts";
import { grantOptions } from "../../app/recovery/grants.ts";
import { MasklineError } from "../../errors.ts";
import { migrate as migrateSchema, migrationScript, requireSchema, schemaVersion } from "../../postgres/migrate.ts";
import { showTable } from "../../postgres/names.ts";
import { applyGrants, grantScript, noView, roleName } from "../../postgres/recovery/grants-script.ts";
import { databaseRoles } from "../../postgres/recovery/grants.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";

const defaultPrefix = "maskline";

export const migrate: Command = {
  flags: {
    ...configFlags,
    print: { doc: "print the SQL for a new database and change nothing" },
    grants: { doc: "print the SQL of the roles and their rights (docs/recovery.md), and change nothing" },
    apply: { doc: "with --grants: make the roles and give them their rights" },
    prefix: { value: "NAME", doc: `with --grants: what the roles are called, as in NAME_writer (default ${defaultPrefix})` },
  },
  about: `Makes schema maskline (or sink.postgres.schema): receipts, quarantine, ledger, mask definitions. Forward only, in one
transaction, safe to repeat. Your own table is never touched. --grants makes roles that nobody is a member of yet, each with the rights that
its commands need and no more; it is safe to repeat too, and takes back what these roles were given by hand in that schema.`,
  examples: [
    ["maskline migrate", "create or upgrade"],
    ["maskline migrate --print > maskline.sql", "for whoever may run SQL where you may not"],
    ["maskline migrate --grants", "the roles and their rights, as SQL"],
    ["maskline migrate --grants --apply", "the same, done: as a role that may create roles and owns schema and table"],
  ],
  async run(call) {
    if (call.has("grants")) return grant(call);
    if (call.has("apply") || call.text("prefix") !== null)
      throw new MasklineError("usage", "--apply and --prefix belong to --grants", { next: "maskline migrate --grants" });
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

async function grant(call: Call): Promise<void> {
  const applies = call.has("apply");
  const settings = settingsOf(call, { unset: applies ? "nowhere" : "servers" });
  const prefix = call.text("prefix") ?? defaultPrefix;
  const options = grantOptions(settings, prefix);
  if (!applies) return call.output.data(grantScript(options).trimEnd());
  const roles = databaseRoles.map((role) => ({ role: roleName(prefix, role), does: role.does }));
  const missing = await withDatabase(settings, async (database, schema) => {
    await requireSchema(database, schema);
    return (await applyGrants(database, options)).map(showTable);
  });
  if (call.output.json) return call.output.document({ schema: options.schema, roles, viewsNotThere: missing });
  for (const { role, does } of roles) call.output.say(`${role}: ${does}`);
  for (const view of missing) call.output.say(`nothing granted on ${view}: ${noView}`);
  call.output.say("next: GRANT one of them to each user of the database; then maskline policy allow ROLE ACTION --domain D");
}
