import { type EpochResult, keepEpochs } from "../../app/keys/epoch.ts";
import { systemClock } from "../../app/system-clock.ts";
import { MasklineError } from "../../errors.ts";
import { type Command, configFlags } from "../command.ts";
import { confirmed } from "../confirmed.ts";
import { settingsOf } from "../settings.ts";
import { count } from "../table.ts";

export const keysEpoch: Command = {
  stopsInOrder: true,
  flags: {
    ...configFlags,
    "destroy-older": {
      value: "N",
      doc: "destroy former sealing keys that nothing uses and that were last in use N months ago or more (default: none is destroyed)",
    },
    yes: { doc: "do not ask before a key is destroyed" },
  },
  about: `One sealing key a month, for a timer: rotates the sealing key where the newest is of an earlier month (of UTC), seals what the vault
and the quarantine hold under it, and tells which former keys something still waits for. With --destroy-older it destroys those that backups
of the last N months do not need: what older backups hold opens no more then, whether it was erased or not. Call it daily: what is done
is not done again, and what was killed goes on.`,
  examples: [
    ["maskline keys epoch", "this month's sealing key; destroys nothing"],
    ["maskline keys epoch --destroy-older 3 --yes", "from a timer, where backups are kept for three months"],
  ],
  async run(call) {
    const destroyOlderMonths = call.number("destroy-older");
    const settings = settingsOf(call);
    // not only in the month that has one to destroy
    if (destroyOlderMonths !== null && !call.has("yes") && !process.stdin.isTTY) {
      throw new MasklineError("usage", "--destroy-older destroys keys for good, and there is no terminal to ask at", {
        next: "add --yes",
      });
    }
    const result = await keepEpochs(settings, {
      nowMs: systemClock.now(),
      destroyOlderMonths,
      stop: call.stop,
      confirm: (keyIds) => {
        const answer = keyIds.join(" ");
        const question = `Type ${answer} to destroy ${keyIds.length === 1 ? "this sealing key" : "these sealing keys"} for good: `;
        return confirmed(call, { does: "destroys keys for good", question, answer, otherwise: "no key was destroyed" });
      },
    });
    refuseUnfinished(result, call.stop.aborted);
    if (call.output.json) return call.output.document(result);
    for (const line of [...doneLines(result), ...formerLines(result)]) call.output.say(line);
  },
};

function refuseUnfinished(result: EpochResult, stopped: boolean): void {
  const unopened = result.originals.unopened + result.bodies.unopened;
  if (unopened === 0 && !stopped) return;
  throw new MasklineError(
    "rekey_unfinished",
    unopened > 0 ? `${count(unopened)} sealed values do not open and were left as they are` : "stopped before the end",
    {
      details: [...doneLines(result), ...formerLines(result)],
      next:
        unopened > 0
          ? "use a ring that holds the key they are sealed under (maskline keys list shows the keys of this one)"
          : "maskline keys epoch goes on",
    },
  );
}

function doneLines({ month, keyId, before, originals, bodies, destroyed }: EpochResult): readonly string[] {
  const moved = originals.changed + bodies.changed;
  return [
    ...(before === null
      ? [`sealing key ${keyId} is that of ${month}`]
      : [
          `sealing key ${keyId} is that of ${month}: it seals from each process's next start on; ${before} opens what it sealed`,
          "back the ring up now, then restart what runs",
        ]),
    moved === 0
      ? "nothing was to be sealed anew"
      : `${count(originals.changed)} originals and ${count(bodies.changed)} refused messages were sealed under it`,
    ...destroyed.map((id) => `sealing key ${id} is destroyed; older copies of the ring still hold it: destroy them too`),
  ];
}

function formerLines({ former }: EpochResult): readonly string[] {
  return former.flatMap(({ keyId, lastUsed, waitsFor }) =>
    waitsFor.length === 0
      ? [`sealing key ${keyId}: nothing uses it; last in use ${lastUsed}`]
      : waitsFor.map((line) => `sealing key ${keyId} waits: ${line}`),
  );
}
