import { findKeyRing } from "../../app/assemble-keys.ts";
import { ringFingerprint } from "../../app/masks.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { formatTable } from "../table.ts";

export const keysList: Command = {
  flags: configFlags,
  about: `Shows which root keys the ring holds and in which state, and the fingerprint of ring and mask definitions together, for
keyring.expect. Key bytes are never shown.`,
  examples: [["maskline keys list", "ids and states"]],
  async run(call) {
    const settings = settingsOf(call, { unset: "servers" });
    const { ring, described } = await findKeyRing(settings);
    const fingerprint = ringFingerprint(settings.columns, ring);
    const roots = ring.keys.map(({ id, status }) => ({ id, status, primary: id === ring.primaryId }));
    const sealing = ring.sealing.map(({ id, privateKey }) => ({ id, opens: privateKey !== null }));
    if (call.output.json) return call.output.document({ place: described, roots, sealing, fingerprint });
    const lines = formatTable(
      [
        { title: "root key", value: ({ id }) => String(id) },
        { title: "state", value: ({ status, primary }) => (primary ? `${status.toLowerCase()}, primary` : status.toLowerCase()) },
      ],
      roots,
    );
    call.output.say(described);
    for (const line of lines) call.output.data(line);
    for (const { id, opens } of sealing) call.output.data(`sealing key ${id}: ${opens ? "seals and opens" : "seals only"}`);
    call.output.data(`fingerprint: ${fingerprint}`);
  },
};
