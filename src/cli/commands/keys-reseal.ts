import { reseal } from "../../app/keys/reseal.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

export const keysReseal: Command = {
  stopsInOrder: true,
  flags: configFlags,
  about: `Seals what the vault and the quarantine hold under the ring's current sealing key. With maskline keys rotate --sealing before and
maskline keys destroy after it, what older backups hold of them opens no more. Safe beside running pipelines, erasures and replays.
Interrupt or kill it at any time: the next call finds the rest.`,
  examples: [["maskline keys reseal", "after keys rotate --sealing and a restart of what runs"]],
  async run(call) {
    const { output } = call;
    const { toKey, originals, bodies } = await reseal(settingsOf(call), call.stop);
    const unopened = originals.unopened + bodies.unopened;
    if (unopened > 0 || call.stop.aborted) {
      const done = `${count(originals.changed)} originals and ${count(bodies.changed)} refused messages are under sealing key ${toKey} now`;
      throw unopened > 0
        ? new MasklineError("rekey_unfinished", `${done}; ${count(unopened)} others do not open and were left as they are`, {
            next: "use a ring that holds the key they are sealed under (maskline keys list shows the keys of this one)",
          })
        : new MasklineError("rekey_unfinished", `${done}; stopped before the end`, { next: "maskline keys reseal goes on" });
    }
    if (output.json) return output.document({ toKey, originals: originals.changed, bodies: bodies.changed });
    output.say(
      `${count(originals.changed)} originals and ${count(bodies.changed)} refused messages were sealed under sealing key ${toKey}`,
    );
    output.say(
      "next: maskline keys destroy ID for a former one (maskline keys list), once no backup of its time is to be restored",
    );
  },
};
