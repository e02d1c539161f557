import { openFullRing } from "../../app/assemble-keys.ts";
import type { Settings } from "../../app/config/load.ts";
import { suggest } from "../../app/config/suggest.ts";
import { keyDemands } from "../../app/masks.ts";
import { MasklineError } from "../../errors.ts";
import { createFile } from "../../keys/providers/file.ts";
import { tinkDeriverKeyset, tinkDomainKeyset, type TinkKeyset } from "../../keys/tink-export.ts";
import { serializeWriterRing } from "../../keys/writer-ring-file.ts";
import { type KeyDemand, writerRingOf } from "../../keys/writer-ring.ts";
import { maskFacts } from "../../masks/mask.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import { settingsOf } from "../settings.ts";

export const keysExport: Command = {
  operands: "[FILE]",
  flags: {
    writer: { doc: "a writer's ring: the contract's derived keys and the public sealing key" },
    tink: { doc: "a Google Tink keyset in JSON, in clear; with --domain or --root" },
    domain: { value: "DOMAIN", doc: "with --tink: the keys of one siv domain, for deterministic AEAD" },
    root: { doc: "with --tink: the roots, for key derivation; they open everything" },
    show: { doc: "print keys on a terminal" },
    ...configFlags,
  },
  about: `Writes keys for others: to FILE, which must not be there and will be readable by you alone, or to stdout. Only enabled keys are
exported.

--writer is for a pipeline that only writes: name its FILE as keyring there. It holds no root and nothing that opens the quarantine. What
its masks allow it still can do: siv, ff1 and ipcrypt are reversible, so their derived key opens every token of its domain. Only hmac
and cmac are one-way for the holder of the key, as far as a domain cannot be tried out.

--tink --domain lets Google Tink make and open the tokens of one siv domain, in any language: AES-SIV keys, the domain in UTF-8 as
associated data; a token is base64url of Tink's ciphertext. --tink --root lets Tink derive them: deriveKeyset("mask/v1/siv/DOMAIN").`,
  examples: [
    ["maskline keys export --writer ./writer.json", "the ring of a pipeline that only writes"],
    ["maskline keys export --tink --domain login.ip ./login-ip.tink.json", "one domain's keys, for Tink"],
    ["maskline keys export --tink --root | …", "the roots as a Tink deriver, to another program"],
  ],
  async run(call) {
    const wanted = readWanted(call);
    const file = call.operands[0] ?? null;
    if (file === null && call.output.dataOnTerminal && !call.has("show")) {
      throw new MasklineError("usage", "keys are not printed on a terminal unasked", {
        next: "name a FILE to write, or add --show",
      });
    }
    const settings = settingsOf(call, { unset: "servers" });
    const { text, notes } = wanted.kind === "writer" ? await writerRing(settings) : await tinkKeyset(settings, wanted.domain);
    if (file === null) {
      call.output.data(call.output.json ? JSON.stringify(JSON.parse(text)) : text.trimEnd());
    } else {
      await createFile(file, text);
      if (call.output.json) call.output.document({ file });
      else call.output.say(`wrote ${file}, readable by you alone`);
    }
    for (const note of notes) call.output.say(`note: ${note}`);
  },
};

type Wanted = { readonly kind: "writer" } | { readonly kind: "tink"; readonly domain: string | null };

/** @param domain null for the roots */
function readWanted(call: Call): Wanted {
  const [writer, tink, root, domain] = [call.has("writer"), call.has("tink"), call.has("root"), call.text("domain")];
  if (writer === tink) throw new MasklineError("usage", "takes one of --writer and --tink");
  if (writer && (root || domain !== null)) throw new MasklineError("usage", "--domain and --root go with --tink");
  if (writer) return { kind: "writer" };
  if (root === (domain !== null)) throw new MasklineError("usage", "--tink takes one of --domain DOMAIN and --root");
  return { kind: "tink", domain };
}

interface Exported {
  readonly text: string;
  /** What its holder can do. */
  readonly notes: readonly string[];
}

async function writerRing(settings: Settings): Promise<Exported> {
  const ring = await openFullRing(settings);
  const demands = keyDemands(settings.columns, ring);
  return { text: serializeWriterRing(writerRingOf(ring, demands)), notes: writerNotes(demands) };
}

function writerNotes(demands: readonly KeyDemand[]): readonly string[] {
  const reversible = demands.filter(({ kind }) => maskFacts[kind].reversible);
  const oneWay = demands.filter(({ kind }) => !maskFacts[kind].reversible);
  return [
    ...(reversible.length > 0 ? [`its holder can open every token of ${list(reversible)}`] : []),
    ...(oneWay.length > 0 ? [`its holder cannot open, but can try out values of ${list(oneWay)}`] : []),
    "it holds no root and opens nothing in the quarantine; export it again when the contract or the ring's keys change",
  ];
}

function list(demands: readonly KeyDemand[]): string {
  return demands.map(({ kind, domain }) => `${domain} (${kind})`).join(", ");
}

async function tinkKeyset(settings: Settings, domain: string | null): Promise<Exported> {
  if (domain !== null) requireSivDomain(settings, domain);
  const ring = await openFullRing(settings);
  const keyset = domain === null ? tinkDeriverKeyset(ring) : tinkDomainKeyset(ring, domain);
  const left = ring.keys.filter(({ status }) => status === "DISABLED").length;
  return {
    text: `${JSON.stringify(keyset satisfies TinkKeyset, null, 2)}\n`,
    notes: [
      domain === null
        ? "these are the roots: their holder can open every token of every domain and mask"
        : `its holder can make and open every token of ${domain}`,
      ...(left === 0 ? [] : [`disabled keys are left out (${left}): tokens of theirs do not open with this`]),
    ],
  };
}

/** The domain itself is not repeated where it is unknown: whatever was typed there may be a secret in the wrong place. */
function requireSivDomain(settings: Settings, domain: string): void {
  const masks = settings.columns.flatMap(({ mask }) => (mask === null ? [] : [mask]));
  const found = masks.find((mask) => mask.domain === domain);
  if (found?.kind === "siv") return;
  const known = [...new Set(masks.flatMap((mask) => (mask.kind === "siv" && mask.domain !== null ? [mask.domain] : [])))];
  const choice = known.length === 0 ? "it has no siv mask" : `its siv domains are ${known.join(", ")}`;
  if (found !== undefined) {
    throw new MasklineError("usage", `domain ${domain} is masked with ${found.kind}; Tink opens siv only`, { next: choice });
  }
  const near = suggest(domain, known);
  throw new MasklineError("not_found", `${settings.file} has no such domain; ${choice}`, {
    next:
      near === null
        ? "name one of them, or the configuration that has it with --config"
        : `maskline keys export --tink --domain ${near}`,
  });
}
