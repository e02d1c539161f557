import { disableKey } from "../../app/keys/key-changes.ts";
import { type Call, type Command, configFlags, type Flag } from "../command.ts";
import { readKeyId } from "../key-id.ts";
import { settingsOf } from "../settings.ts";

export const offlineFlag: Readonly<Record<string, Flag>> = {
  offline: { doc: "change the ring alone: whatever still uses the key is not looked for" },
};

export const keysDisable: Command = {
  operands: "ID",
  flags: { ...configFlags, ...offlineFlag },
  about: `Refused while anything uses the key: rows of any pipeline of the database (other schemas of maskline's in it included), a
running process, a contract that names it, tokens that stand for those of other keys. All of it is listed, and nothing is changed then. A
disabled key stays in the ring and can be enabled again. Looked at are the tables that pipelines load, wherever they were renamed to:
copies of them, detached partitions, backups, and other databases that use the same ring are yours to know.`,
  examples: [["maskline keys disable 1837465209", "after keys rekey has said that no row holds a token of it"]],
  async run(call) {
    const keyId = keyIdOf(call);
    const offline = call.has("offline");
    await disableKey(settingsOf(call, { unset: offline ? "servers" : "nowhere" }), { keyId, offline });
    if (call.output.json) return call.output.document({ keyId, state: "DISABLED" });
    call.output.say(`root key ${keyId} is disabled: its tokens do not open any more`);
    call.output.say(`next: maskline keys destroy ${keyId}, once you are sure; maskline keys enable ${keyId} takes it back`);
  },
};

/** The key id that a command names. */
export function keyIdOf(call: Call): number {
  return readKeyId(call.operands[0] ?? "");
}
