import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { defaultConfigFile } from "../../app/config/load.ts";
import { configurationSchema } from "../../app/config/schema.ts";
import { starterConfig, starterIgnores } from "../../app/starter.ts";
import { MasklineError } from "../../errors.ts";
import type { Command } from "../command.ts";

const schemaFile = "maskline.schema.json";

export const init: Command = {
  operands: "[FOLDER]",
  flags: { schema: { doc: `also write ${schemaFile}, for completion and checks in editors` } },
  about: `Writes ${defaultConfigFile} (login events from SQS into user_logins, to be edited) and keeps keyring.json and .env out of
version control. Never overwrites a configuration; with --schema, one that is there gets the schema all the same.`,
  examples: [
    ["maskline init", "in this folder"],
    ["maskline init --schema", "with the schema for editors"],
  ],
  async run(call) {
    const folder = call.operands[0] ?? ".";
    const withSchema = call.has("schema");
    const file = path.join(folder, defaultConfigFile);
    const text = withSchema ? `# yaml-language-server: $schema=./${schemaFile}\n${starterConfig}` : starterConfig;
    if (withSchema) await write(path.join(folder, schemaFile), `${JSON.stringify(configurationSchema, null, 2)}\n`);
    await write(file, text, "wx");
    const ignored = await ignore(path.join(folder, ".gitignore"));
    if (call.output.json) return call.output.document({ file, ignored });
    call.output.say(`wrote ${file}${ignored.length > 0 ? `, added ${ignored.join(" and ")} to .gitignore` : ""}`);
    call.output.say(
      "next: edit it and set DATABASE_URL; then maskline keys create, maskline migrate, maskline check --connect, maskline run --drain",
    );
  },
};

/** @param flag "wx" for a file that must not be there yet */
async function write(file: string, text: string, flag: "w" | "wx" = "w"): Promise<void> {
  try {
    await writeFile(file, text, { flag });
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
    if (code === "EEXIST")
      throw new MasklineError("file_exists", `${file} is there already and was left as it is`, { next: "maskline check" });
    throw new MasklineError("usage", `${file} cannot be written (${String(code)})`, {
      next: "name a folder that is there and yours",
    });
  }
}

/** Adds what is not ignored yet; answers with what was added. */
async function ignore(file: string): Promise<readonly string[]> {
  const present = await readFile(file, "utf8").catch(() => "");
  const lines = new Set(present.split("\n").map((line) => line.trim()));
  const missing = starterIgnores.filter((name) => !lines.has(name) && !lines.has(`/${name}`));
  const gap = present === "" || present.endsWith("\n") ? "" : "\n";
  if (missing.length > 0) await write(file, `${present}${gap}${missing.join("\n")}\n`);
  return missing;
}
