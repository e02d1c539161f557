import { destroyKey } from "../../app/keys/key-changes.ts";
import { loseKey } from "../../app/keys/lose-key.ts";
import { MasklineError } from "../../errors.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { confirmed } from "../confirmed.ts";
import { settingsOf } from "../settings.ts";
import { keyIdOf, offlineFlag } from "./keys-disable.ts";

export const keysDestroy: Command = {
  operands: "ID",
  flags: {
    ...configFlags,
    yes: { doc: "do not ask" },
    ...offlineFlag,
    lost: {
      doc: "the ring does not hold the key any more, nor does any copy: the database goes on without it, its tokens never open",
    },
  },
  about: `For good: no token of a destroyed root key, and nothing sealed under a destroyed sealing key, can ever be opened, in backups of
the database either. A root key must be disabled first. Refused while anything uses the key; all of it is listed then.
Older copies of the ring still hold the key: destroy them too.`,
  examples: [
    ["maskline keys destroy 1837465209", "asks for the id once more"],
    ["maskline keys destroy 1837465209 --yes", "for a script"],
  ],
  async run(call) {
    const keyId = keyIdOf(call);
    const offline = call.has("offline");
    if (call.has("lost")) return lose(call, keyId);
    const settings = settingsOf(call, { unset: offline ? "servers" : "nowhere" });
    await confirm(call, keyId);
    const { kind, auditKey } = await destroyKey(settings, { keyId, offline });
    const forAudit = auditKey === null ? null : `${keyId}:${auditKey.toString("hex")}`;
    if (call.output.json) return call.output.document({ keyId, kind, state: "DESTROYED", auditKey: forAudit });
    call.output.say(`${kind} key ${keyId} is destroyed`);
    call.output.say("older copies of the ring still hold it, and backups of the database still hold what it opens: mind both");
    if (forAudit !== null)
      call.output.say(`rows of the audit that it signed are checked with --key ${forAudit} from now on: keep that`);
  },
};

async function lose(call: Call, keyId: number): Promise<void> {
  if (call.has("offline")) {
    throw new MasklineError("usage", "--lost changes the database, --offline the ring alone", { next: "leave one of them out" });
  }
  const holders = await loseKey(settingsOf(call, { unset: "nowhere" }), keyId, async (found) => {
    if (!call.output.json) {
      for (const line of found) call.output.say(`${line}: they will never open`);
      if (found.length === 0) call.output.say(`no row holds a token of key ${keyId}`);
    }
    await confirm(call, keyId);
  });
  if (call.output.json) return call.output.document({ keyId, kind: "root", state: "DESTROYED", holders });
  call.output.say(`root key ${keyId} counts as destroyed in the database; rows with its tokens are as they were`);
}

async function confirm(call: Call, keyId: number): Promise<void> {
  await confirmed(call, {
    does: "destroys a key for good",
    question: `Type ${keyId} to destroy this key for good: `,
    answer: String(keyId),
  });
}
