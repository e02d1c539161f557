import { randomBytes } from "node:crypto";

import { keyRingFile, openKeyRing } from "../../app/assemble-keys.ts";
import { createKeyRingFile } from "../../keys/providers/file.ts";
import { createKeyRing } from "../../keys/ring.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

export const keysCreate: Command = {
  operands: "[FILE]",
  flags: configFlags,
  about: `Makes a root key and a sealing key pair from the system's random source and writes them to the file that keyring names
(or FILE), readable by you alone. An existing file is never overwritten. Whoever holds the file can undo the masks.`,
  examples: [
    ["maskline keys create", "the file of maskline.yaml's keyring"],
    ["maskline keys create ./keyring.json", "a file by name, without a configuration"],
  ],
  async run(call) {
    const file = call.operands[0] ?? keyRingFile(settingsOf(call, { offline: true }));
    const ring = createKeyRing(randomBytes);
    await createKeyRingFile(file, ring);
    if (call.output.json) return call.output.document({ file, primary: ring.primary.id });
    call.output.say(`wrote ${file}: root key ${ring.primary.id}, readable by you alone`);
    call.output.say(
      `${call.output.style("bold", "back this up now")}, apart from the database: without it no masked value can be recovered or matched again`,
    );
    call.output.say("a plain file is meant for development; keep it out of version control (maskline init does)");
    call.output.say("next: maskline migrate, then maskline check --connect");
  },
};

export const keysList: Command = {
  flags: configFlags,
  about: "Shows which root keys the ring holds and in which state. Key bytes are never shown.",
  examples: [["maskline keys list", "ids and states"]],
  async run(call) {
    const ring = await openKeyRing(settingsOf(call, { offline: true }));
    const roots = ring.keys.map(({ id, status }) => ({ id, status, primary: id === ring.primaryId }));
    const sealing = ring.sealing.map(({ id, privateKey }) => ({ id, opens: privateKey !== null }));
    if (call.output.json) return call.output.document({ roots, sealing });
    const lines = formatTable(
      [
        { title: "root key", value: ({ id }) => String(id) },
        { title: "state", value: ({ status, primary }) => (primary ? `${status.toLowerCase()}, primary` : status.toLowerCase()) },
      ],
      roots,
    );
    for (const line of lines) call.output.data(line);
    for (const { id, opens } of sealing) call.output.data(`sealing key ${id}: ${opens ? "seals and opens" : "seals only"}`);
  },
};
