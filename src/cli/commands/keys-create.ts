import { configuredPassphrase, filePlace, readPassphraseFile, type RingPlace, ringPlace } from "../../app/keys/ring-place.ts";
import { demandedWrapping, describeWrapping } from "../../app/keys/stored-ring.ts";
import { createRing, neededOptions, readKmsKey, type WrappingWish } from "../../app/keys/wrap-ring.ts";
import { MasklineError } from "../../errors.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { askNewPassphrase } from "../passphrase.ts";
import { settingsOf } from "../settings.ts";

export const keysCreate: Command = {
  operands: "[FILE]",
  flags: {
    ...configFlags,
    passphrase: { doc: "wrap it by a passphrase: keyring.passphrase, or typed twice" },
    "passphrase-file": { value: "FILE", doc: "wrap it by the passphrase in this file (mode 600)" },
    "kms-key": { value: "KEY", doc: "wrap it by this AWS KMS key: ARN, id or alias/NAME" },
  },
  about: `Makes a root key and a sealing key pair from the system's random source and writes them to the place that keyring names
(or FILE); a file is readable by you alone. What is there already is never overwritten. The ring is wrapped as keyring says, or
as the flags do; without either it is plain, which is for development: whoever holds it can undo the masks.`,
  examples: [
    ["maskline keys create", "in the place of maskline.yaml's keyring"],
    ["maskline keys create --passphrase", "wrapped by a passphrase, typed twice"],
    ["maskline keys create --kms-key alias/maskline", "wrapped by AWS KMS"],
    ["maskline keys create ./keyring.json", "a file by name, without a configuration"],
  ],
  async run(call) {
    const [file] = call.operands;
    const place = file === undefined ? ringPlace(settingsOf(call, { unset: "servers" })) : filePlace(file);
    const wish = await wishOf(call, place);
    const { store, primaryId } = await createRing(place, wish);
    const { output } = call;
    const isFile = /^(file|aws-kms):/.test(place.keyring.from);
    if (output.json) {
      const fileName = isFile ? { file: store.shown } : {};
      return output.document({ ...fileName, place: store.shown, wrapping: wish.kind, primary: primaryId });
    }
    const wrapping = wish.kind === "plain" ? "" : `, ${describeWrapping(wish.kind, wish.kind === "aws-kms" ? wish.key : null)}`;
    output.say(`wrote ${store.shown}: root key ${primaryId}${wrapping}${isFile ? ", readable by you alone" : ""}`);
    output.say(
      `${output.style("bold", "back this up now")}, apart from the database: without it no masked value can be recovered or matched again`,
    );
    if (wish.kind === "passphrase") output.say("keep the passphrase apart from it: a ring whose passphrase is lost is lost");
    if (wish.kind === "aws-kms") output.say("keep the KMS key: once it is deleted, the ring and every backup of it are lost");
    if (wish.kind === "plain") {
      output.say(
        isFile ? "a plain file is meant for development; keep it out of version control (maskline init does)" : store.plainMeans,
      );
    }
    const needed = neededOptions(place.keyring, wish);
    if (needed !== null) output.say(`write in maskline.yaml: ${needed}`);
    output.say("next: maskline migrate, then maskline check --connect");
  },
};

/** By the flags; without them as the configuration demands. */
async function wishOf(call: Call, place: RingPlace): Promise<WrappingWish> {
  const passphraseFile = call.text("passphrase-file");
  const byPassphrase = call.has("passphrase") || passphraseFile !== null;
  const named = call.text("kms-key");
  const key = named === null ? null : readKmsKey(named);
  if (byPassphrase && key !== null) throw new MasklineError("usage", "--kms-key does not go with a passphrase");
  const demanded = demandedWrapping(place.keyring)?.kind ?? "plain";
  const kind = key !== null ? "aws-kms" : byPassphrase ? "passphrase" : demanded;
  switch (kind) {
    case "plain":
      return { kind };
    case "passphrase": {
      const found = passphraseFile === null ? await configuredPassphrase(place) : await readPassphraseFile(passphraseFile);
      return { kind, passphrase: found ?? (await askNewPassphrase()) };
    }
    case "aws-kms": {
      const known = key ?? place.keyring.kms_key;
      if (known !== undefined) return { kind, key: known };
      throw new MasklineError("usage", "no KMS key was named", {
        next: "maskline keys create --kms-key KEY, or set keyring.kms_key",
      });
    }
  }
}
