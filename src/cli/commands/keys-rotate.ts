import { rotateRoot, rotateSealing } from "../../app/keys/rotate.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";

export const keysRotate: Command = {
  flags: {
    ...configFlags,
    sealing: { doc: "add a sealing key pair (for refused messages) in place of a root key" },
    offline: { doc: "change the ring only; processes and database learn of it when one starts with the new ring" },
  },
  about: `Adds a root key to the ring and makes it the one that masks. The ring is saved before anything else happens. Running processes
fetch it within seconds and go on under the new key; rows under the old one stay readable, and equal values stay findable
(maskline duplicates). Then maskline keys rekey brings the table under the new key.`,
  examples: [
    ["maskline keys rotate", "a new root key"],
    ["maskline keys rotate --sealing", "a new sealing key pair"],
  ],
  async run(call) {
    const offline = call.has("offline");
    const settings = settingsOf(call, { unset: offline ? "servers" : "nowhere" });
    const rotated = call.has("sealing") ? await rotateSealing(settings, { offline }) : await rotateRoot(settings, { offline });
    if (call.output.json) return call.output.document(rotated);
    const { output } = call;
    if (rotated.kind === "sealing") {
      output.say(`sealing key ${rotated.keyId} seals from each process's next start on; ${rotated.before} opens what it sealed`);
      output.say(`next: ${output.style("bold", "back the ring up")}, then restart what runs`);
      return;
    }
    output.say(`root key ${rotated.keyId} masks from now on; ${rotated.before} opens what it masked`);
    output.say(
      rotated.announced
        ? "running processes that can see the changed ring follow within seconds"
        : "the database was not told: running processes go on with the old key until one starts with the new ring",
    );
    output.say(`${output.style("bold", "back the ring up now")}: its older copies do not hold the new key`);
    output.say("next: maskline keys rekey --dry-run, then maskline keys rekey");
  },
};
