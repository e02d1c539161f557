import { openExport, ringPublicKeys, withAudit } from "../../app/audit.ts";
import type { Settings } from "../../app/config/load.ts";
import { MasklineError } from "../../errors.ts";
import { type AuditPublicKey, publicKeyBytes } from "../../keys/audit-keys.ts";
import { findUnboundTokens, readAudit } from "../../postgres/audit.ts";
import { type Anchor, readAnchor, showAnchor } from "../../recovery/audit-anchor.ts";
import { type AuditVerdict, verifyAudit } from "../../recovery/audit-verify.ts";
import { type Call, type Command, configFlags } from "../command.ts";
import type { Output } from "../output.ts";
import { settingsOf } from "../settings.ts";
import { count, showable } from "../table.ts";

export const auditVerify: Command = {
  operands: "[FILE]",
  flags: {
    ...configFlags,
    anchor: {
      value: "SEQUENCE:HASH",
      many: true,
      doc: "a row as a log or an earlier export told it; finds what was cut off or written anew. May be repeated",
    },
    key: {
      value: "ID:HEX",
      many: true,
      doc: "a public key that is known from elsewhere; HEX alone for any key id. May be repeated",
    },
    from: { value: "SEQUENCE", doc: "of the rest of an audit: the first row that should be here (default 1)" },
  },
  about: `Checks every row: its hash, its signature, that it follows the row before it, that nothing is missing, moved or repeated, and that its
token hashes are those it was written with. Of the database, with the keys of the ring or --key, or of a file of maskline audit export:
then neither configuration, ring nor database is needed. Without --key a file is checked with the keys that it brings itself, which proves
little. What was cut off at the end is found by an anchor only.`,
  examples: [
    ["maskline audit verify --anchor 1204:9f…e1", "the database, against what a log told"],
    ["maskline audit verify audit.ndjson --key 81:d7…a2 --anchor 1204:9f…e1", "an export, offline"],
  ],
  async run(call) {
    const asked = askedFor(call);
    const [file] = call.operands;
    report(call.output, asked, file === undefined ? await ofDatabase(call, asked) : await ofFile(file, asked, call.output));
  },
};

interface Asked {
  readonly anchors: readonly Anchor[];
  readonly keys: readonly AuditPublicKey[];
  readonly from: number;
}

/** Who says that the public keys are the right ones. */
type KeyOrigin = "given" | "ring" | "export";

interface Verified {
  readonly origin: KeyOrigin;
  readonly verdict: AuditVerdict;
  /** Acts with tokens that no row binds. */
  readonly unbound: readonly string[];
}

async function ofDatabase(call: Call, { anchors, keys, from }: Asked): Promise<Verified> {
  const settings = settingsOf(call);
  const publicKeys = keys.length > 0 ? keys : await keysOfRing(settings);
  return withAudit(settings, async (database, schema) => {
    const rows = watched(readAudit(database, schema, from), call.output);
    const verdict = await verifyAudit(rows, { publicKeys, anchors, from });
    return { origin: keys.length > 0 ? "given" : "ring", verdict, unbound: await findUnboundTokens(database, schema) };
  });
}

/** An auditor need not have the ring. */
async function keysOfRing(settings: Settings): Promise<readonly AuditPublicKey[]> {
  try {
    return await ringPublicKeys(settings);
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    const { code, message, details, next } = error;
    throw new MasklineError(code, message, { details, next: `${next ?? "name the full ring"}; or, without a ring, --key ID:HEX` });
  }
}

async function ofFile(file: string, { anchors, keys, from }: Asked, output: Output): Promise<Verified> {
  const { head, rows } = await openExport(file);
  const publicKeys = keys.length > 0 ? keys : head.publicKeys;
  if (publicKeys.length === 0) {
    throw new MasklineError("usage", `${file} brings no public keys: the export was made without a key ring`, {
      next: "--key ID:HEX, from another export, made where the ring is",
    });
  }
  const through = head.through === null || head.through.sequence < from ? [] : [head.through];
  const verdict = await verifyAudit(watched(rows, output), { publicKeys, anchors: [...anchors, ...through], from });
  return { origin: keys.length > 0 ? "given" : "export", verdict, unbound: [] };
}

/** So often there is a sign of life. */
const rowsAtOnce = 1_000;

async function* watched<Row>(rows: AsyncIterable<Row>, output: Output): AsyncGenerator<Row> {
  let seen = 0;
  for await (const row of rows) {
    yield row;
    seen += 1;
    if (seen % rowsAtOnce === 0) output.progress(`${count(seen)} rows verified`);
  }
}

function askedFor(call: Call): Asked {
  const from = call.number("from", 1) ?? 1;
  const anchors = call.texts("anchor").map((text) => {
    const anchor = readAnchor(text);
    if (anchor === null)
      throw new MasklineError("usage", "--anchor takes SEQUENCE:HASH, the second word of an audit line of a log");
    if (anchor.sequence < from - 1) throw new MasklineError("usage", "--anchor is of a row before --from, which is not looked at");
    return anchor;
  });
  return { anchors, keys: call.texts("key").map(readKey), from };
}

function readKey(text: string): AuditPublicKey {
  const found = /^(?:(\d{1,10}):)?([\da-fA-F]+)$/.exec(text);
  if (found?.[2]?.length !== 2 * publicKeyBytes) {
    throw new MasklineError("usage", `--key takes ID:HEX, with ${2 * publicKeyBytes} hexadecimal digits`);
  }
  return { keyId: found[1] === undefined ? null : Number(found[1]), publicKey: Buffer.from(found[2], "hex") };
}

const keysFrom: Readonly<Record<KeyOrigin, string>> = {
  given: "signatures checked with the keys given by --key",
  ring: "signatures checked with the keys of the ring",
  export:
    "not independent: signatures were checked with the keys that the export itself brings; whoever altered it may have altered them too (--key)",
};

function report(output: Output, { anchors, from }: Asked, { origin, verdict, unbound }: Verified): void {
  const { rows, first, end, keyIds, open } = verdict;
  refuseBroken(verdict, unbound, from);
  if (output.json) {
    output.document({
      rows,
      first,
      end: end === null ? null : showAnchor(end),
      keyIds,
      keysFrom: origin,
      independent: origin !== "export",
      anchors: anchors.map(showAnchor),
      open,
    });
    return;
  }
  if (end === null) output.data("the audit has no rows");
  else output.data(`the audit is whole: ${count(rows)} rows, ${first} to ${end.sequence}, signed with key ${keyIds.join(", ")}`);
  for (const { sequence, at, actor, action, domain } of open) {
    output.data(showable(`open: row ${sequence}, ${at}, ${actor}, ${action} of ${domain}: begun, and its end was not told`));
  }
  if (end !== null) output.data(`ends at ${showAnchor(end)}`);
  output.say(keysFrom[origin]);
  if (from > 1) output.say(`only from row ${from} on: what is before it was not looked at`);
  if (anchors.length === 0) output.say("without --anchor: whether rows are missing at its end cannot be told");
}

function refuseBroken({ faults, faultCount, rows }: AuditVerdict, unbound: readonly string[], from: number): void {
  const total = faultCount + unbound.length;
  if (total === 0) return;
  const told = [
    ...faults.map(({ sequence, kind, says }) => `${sequence === null ? "" : `row ${sequence} `}${says} (${kind})`),
    ...unbound.map((act) => `act ${act} has tokens, and no row that was written with them (tokens)`),
  ];
  const untold = total - told.length;
  const [firstFault] = faults;
  const isRest = from === 1 && firstFault?.kind === "missing" && firstFault.sequence === 1;
  throw new MasklineError(
    "audit_broken",
    `the audit has ${count(total)} ${total === 1 ? "fault" : "faults"} in ${count(rows)} rows`,
    {
      details: untold === 0 ? told : [...told, `and ${count(untold)} more`],
      next: `${isRest ? "--from SEQUENCE, if only the rest of an audit is to be looked at; otherwise " : ""}keep all that there is of it, and compare it with earlier exports and with the audit lines of the logs`,
    },
  );
}
