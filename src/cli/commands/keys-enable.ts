import { enableKey } from "../../app/keys/key-changes.ts";
import { type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";
import { keyIdOf, offlineFlag } from "./keys-disable.ts";

export const keysEnable: Command = {
  operands: "ID",
  flags: { ...configFlags, ...offlineFlag },
  about: "Takes a disabled root key back: its tokens open again. New tokens are still made with the primary.",
  examples: [["maskline keys enable 1837465209", "a backup with its tokens was restored"]],
  async run(call) {
    const keyId = keyIdOf(call);
    const offline = call.has("offline");
    await enableKey(settingsOf(call, { unset: offline ? "servers" : "nowhere" }), { keyId, offline });
    if (call.output.json) return call.output.document({ keyId, state: "ENABLED" });
    call.output.say(`root key ${keyId} is enabled: its tokens open`);
  },
};
