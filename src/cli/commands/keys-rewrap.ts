import { configuredPassphrase, readPassphraseFile, type RingPlace, ringPlace } from "../../app/keys/ring-place.ts";
import { describeWrapping } from "../../app/keys/stored-ring.ts";
import { neededOptions, readKmsKey, rewrapRing, type WrappingWish } from "../../app/keys/wrap-ring.ts";
import { MasklineError } from "../../errors.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { askNewPassphrase } from "../passphrase.ts";
import { settingsOf } from "../settings.ts";

/** Each a way to wrap; exactly one is named. */
const ways = ["passphrase", "new-passphrase", "new-passphrase-file", "kms-key", "plain"] as const;
type Way = (typeof ways)[number];

export const keysRewrap: Command = {
  flags: {
    ...configFlags,
    passphrase: { doc: "by a passphrase: keyring.passphrase, or typed twice" },
    "new-passphrase": { doc: "by another passphrase than keyring's, typed twice" },
    "new-passphrase-file": { value: "FILE", doc: "by the passphrase in this file (mode 600)" },
    "kms-key": { value: "KEY", doc: "by this AWS KMS key: ARN, id or alias/NAME; also anew by the same" },
    plain: { doc: "not at all: for development" },
  },
  about: `Wraps the ring in another way, or anew in the same way, and puts it in the place of the old one in one step. The keys in it stay
what they are: no token changes, nothing needs to be masked again. Running processes keep the ring they opened; what opens the
new one they need before the next keys rotate. Backups, and earlier versions that Secrets Manager and SSM keep, are wrapped as
they were. Whoever had the ring open keeps its keys: against that only new keys help.`,
  examples: [
    ["maskline keys rewrap --passphrase", "a plain ring gets a passphrase"],
    ["maskline keys rewrap --new-passphrase", "another passphrase, typed twice"],
    ["maskline keys rewrap --kms-key alias/maskline", "from now on opened by AWS KMS alone"],
  ],
  async run(call) {
    const way = wayOf(call);
    const place = ringPlace(settingsOf(call, { unset: "servers" }));
    const { store, before, wish } = await rewrapRing(place, () => wishOf(call, place, way));
    const needed = neededOptions(place.keyring, wish);
    const { output } = call;
    const key = wish.kind === "aws-kms" ? wish.key : null;
    if (output.json) return output.document({ place: store.shown, before, wrapping: wish.kind, key, configuration: needed });
    output.say(`${store.shown}: ${describeWrapping(wish.kind, key)} from now on; its keys and all tokens are what they were`);
    if (wish.kind === "plain") output.say(`${output.style("yellow", "warning:")} ${store.plainMeans}`);
    else if (store.keepsHistory)
      output.say("its earlier versions are still there as they were: delete them once they are not needed");
    if (wish.kind !== "plain") output.say("back it up now: older backups open in the old way only");
    const replaced = way.startsWith("new-passphrase") && needed === null;
    if (replaced) output.say("next: put the new passphrase where keyring says, before anything is started");
    else output.say(needed === null ? "next: maskline keys list" : `next: in maskline.yaml, ${needed}`);
  },
};

function wayOf(call: Call): Way {
  const named = ways.filter((way) => call.has(way) || call.text(way) !== null);
  const [way] = named;
  // before anything is asked or opened
  if (way === "kms-key") readKmsKey(call.text(way) ?? "");
  if (way !== undefined && named.length === 1) return way;
  throw new MasklineError("usage", `takes one of ${ways.map((one) => `--${one}`).join(", ")}`);
}

async function wishOf(call: Call, place: RingPlace, way: Way): Promise<WrappingWish> {
  switch (way) {
    case "plain":
      return { kind: "plain" };
    case "kms-key":
      return { kind: "aws-kms", key: readKmsKey(call.text(way) ?? "") };
    case "passphrase":
      return { kind: "passphrase", passphrase: (await configuredPassphrase(place)) ?? (await askNewPassphrase()) };
    case "new-passphrase":
      return { kind: "passphrase", passphrase: await askNewPassphrase() };
    case "new-passphrase-file":
      return { kind: "passphrase", passphrase: await readPassphraseFile(call.text(way) ?? "") };
  }
}
