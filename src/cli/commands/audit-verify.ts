import type { Settings } from "../../app/config/load.ts";
import { openExport, ringPublicKeys, withAudit } from "../../app/recovery/audit.ts";
import { openCertificate } from "../../app/recovery/certificate.ts";
import { MasklineError } from "../../errors.ts";
import { type AuditPublicKey, publicKeyBytes } from "../../keys/audit-keys.ts";
import { findUnboundTokens, readAudit } from "../../postgres/recovery/audit.ts";
import { type Anchor, readAnchor, showAnchor } from "../../recovery/audit-anchor.ts";
import type { KeptRow } from "../../recovery/audit-reading.ts";
import { type AuditVerdict, type NoRow, verifyAudit } from "../../recovery/audit-verify.ts";
import { certificateFaults, type ReadCertificate, tellsOf } from "../../recovery/certificate-reading.ts";
import { certificateDocument, certificateLines } from "../certificate-shown.ts";
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
    certificate: {
      value: "FILE",
      doc: "check what maskline erase has printed; alone, or whether the audit of FILE or --in-database tells of it too",
    },
    "in-database": { doc: "with --certificate: also look into the audit of the database" },
  },
  about: `Checks every row: its hash, its signature, that it follows the row before it, that nothing is missing, moved or repeated, and that its
token hashes are those it was written with. Of the database, with the keys of the ring or --key, or of a file of maskline audit export:
then neither configuration, ring nor database is needed. Without --key a file is checked with the keys that it brings itself, which proves
little. What was cut off at the end is found by an anchor only. With --certificate and neither FILE nor --in-database the certificate alone is
checked, offline too.`,
  examples: [
    ["maskline audit verify --anchor 1204:9f…e1", "the database, against what a log told"],
    ["maskline audit verify audit.ndjson --key 81:d7…a2 --anchor 1204:9f…e1", "an export, offline"],
    ["maskline audit verify --certificate certificate.json --key 81:d7…a2", "a certificate of an erasure, offline"],
  ],
  async run(call) {
    const asked = askedFor(call);
    const [file] = call.operands;
    const path = call.text("certificate");
    refuseOdd(call, path, file);
    const certificate = path === null ? null : await openCertificate(path);
    if (certificate !== null && file === undefined && !call.has("in-database")) {
      return reportCertificate(call.output, certificate, ofCertificate(certificate, asked));
    }
    const looked = { ...asked, certificate };
    report(call.output, looked, file === undefined ? await ofDatabase(call, looked) : await ofFile(file, looked, call.output));
  },
};

/** What would be taken for a check that is not made. */
function refuseOdd(call: Call, certificate: string | null, file: string | undefined): void {
  const inDatabase = call.has("in-database");
  if (inDatabase && (certificate === null || file !== undefined)) {
    throw new MasklineError("usage", "--in-database goes with --certificate, and without the FILE of an export");
  }
  const isAlone = certificate !== null && file === undefined && !inDatabase;
  if (isAlone && (call.texts("anchor").length > 0 || call.text("from") !== null)) {
    throw new MasklineError("usage", "--anchor and --from are of an audit: a certificate is none", {
      next: "--in-database, or the FILE of an export beside --certificate, to verify the audit too",
    });
  }
}

interface Asked {
  readonly anchors: readonly Anchor[];
  readonly keys: readonly AuditPublicKey[];
  readonly from: number;
}

/** An audit that is verified, and what it should tell of. */
interface Looked extends Asked {
  readonly certificate: ReadCertificate | null;
}

/** Who says that the public keys are the right ones. */
type KeyOrigin = "given" | "ring" | "export" | "certificate";

interface KeysUsed {
  readonly origin: KeyOrigin;
  readonly publicKeys: readonly AuditPublicKey[];
}

interface Verified extends KeysUsed {
  /** The row that names the certificate. */
  readonly recorded: number | null;
  readonly verdict: AuditVerdict;
  /** Acts with tokens that no row binds. */
  readonly unbound: readonly string[];
}

function ofCertificate({ signed: { keyId, publicKey } }: ReadCertificate, { keys }: Asked): KeysUsed {
  if (keys.length > 0) return { origin: "given", publicKeys: keys };
  return { origin: "certificate", publicKeys: [{ keyId, publicKey: Buffer.from(publicKey, "base64url") }] };
}

async function ofDatabase(call: Call, { anchors, keys, from, certificate }: Looked): Promise<Verified> {
  const settings = settingsOf(call);
  const publicKeys = keys.length > 0 ? keys : await keysOfRing(settings);
  return withAudit(settings, async (database, schema) => {
    const rows = new WatchedRows(readAudit(database, schema, from), certificate, call.output);
    const verdict = await verifyAudit(rows.read(), { publicKeys, anchors, from });
    const origin = keys.length > 0 ? "given" : "ring";
    return { origin, publicKeys, verdict, recorded: rows.recorded, unbound: await findUnboundTokens(database, schema) };
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

async function ofFile(file: string, { anchors, keys, from, certificate }: Looked, output: Output): Promise<Verified> {
  const { head, rows } = await openExport(file);
  const publicKeys = keys.length > 0 ? keys : head.publicKeys;
  if (publicKeys.length === 0) {
    throw new MasklineError("usage", `${file} brings no public keys: the export was made without a key ring`, {
      next: "--key ID:HEX, from another export, made where the ring is",
    });
  }
  const through = head.through === null || head.through.sequence < from ? [] : [head.through];
  const watched = new WatchedRows(rows, certificate, output);
  const verdict = await verifyAudit(watched.read(), { publicKeys, anchors: [...anchors, ...through], from });
  return { origin: keys.length > 0 ? "given" : "export", publicKeys, verdict, recorded: watched.recorded, unbound: [] };
}

/** So often there is a sign of life. */
const rowsAtOnce = 1_000;

/** Rows on their way to be verified: a sign of life now and then, and the one that names a certificate. */
class WatchedRows {
  readonly #rows: AsyncIterable<KeptRow | NoRow>;
  readonly #certificate: ReadCertificate | null;
  readonly #output: Output;
  #recorded: number | null = null;

  constructor(rows: AsyncIterable<KeptRow | NoRow>, certificate: ReadCertificate | null, output: Output) {
    this.#rows = rows;
    this.#certificate = certificate;
    this.#output = output;
  }

  get recorded(): number | null {
    return this.#recorded;
  }

  async *read(): AsyncGenerator<KeptRow | NoRow> {
    let seen = 0;
    for await (const row of this.#rows) {
      if (this.#certificate !== null && !("place" in row) && tellsOf(row, this.#certificate)) this.#recorded = row.sequence;
      yield row;
      seen += 1;
      if (seen % rowsAtOnce === 0) this.#output.progress(`${count(seen)} rows verified`);
    }
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
  certificate:
    "not independent: the signature was checked with the key that the certificate itself brings; whoever altered it may have altered that too (--key)",
};

const isIndependent = (origin: KeyOrigin): boolean => origin !== "export" && origin !== "certificate";

function reportCertificate(output: Output, certificate: ReadCertificate, used: KeysUsed): void {
  refuseBrokenCertificate(certificate, used);
  const { origin } = used;
  if (output.json) {
    const keysOf = { keysFrom: origin, independent: isIndependent(origin) };
    return output.document({ certificate: certificateDocument(certificate, null), ...keysOf });
  }
  for (const line of certificateLines(certificate)) output.data(line);
  output.say(keysFrom[origin]);
}

function refuseBrokenCertificate(certificate: ReadCertificate, { publicKeys }: KeysUsed): void {
  const [fault] = certificateFaults(certificate, publicKeys);
  if (fault === undefined) return;
  throw new MasklineError("certificate_broken", "the certificate is not as it was signed, or not by this key", {
    details: [fault],
    next: "ask whoever made it for the file as it was printed, and for the public key (the first line of maskline audit export)",
  });
}

function report(output: Output, { anchors, from, certificate }: Looked, verified: Verified): void {
  const { origin, verdict, unbound, recorded } = verified;
  const { rows, first, end, keyIds, open } = verdict;
  refuseBroken(verdict, unbound, from);
  if (certificate !== null) {
    refuseBrokenCertificate(certificate, verified);
    if (recorded === null) {
      throw new MasklineError("certificate_broken", "the audit does not tell of this certificate", {
        details: [`no result of act ${certificate.states.act} in its ${count(rows)} rows names hash ${certificate.signed.hash}`],
        next: "compare it with the audit of the database it was made in, from its first row on",
      });
    }
  }
  if (output.json) {
    output.document({
      rows,
      first,
      end: end === null ? null : showAnchor(end),
      keyIds,
      keysFrom: origin,
      independent: isIndependent(origin),
      anchors: anchors.map(showAnchor),
      open,
      ...(certificate === null ? {} : { certificate: certificateDocument(certificate, recorded) }),
    });
    return;
  }
  if (end === null) output.data("the audit has no rows");
  else output.data(`the audit is whole: ${count(rows)} rows, ${first} to ${end.sequence}, signed with key ${keyIds.join(", ")}`);
  for (const { sequence, at, actor, action, domain } of open) {
    output.data(showable(`open: row ${sequence}, ${at}, ${actor}, ${action} of ${domain}: begun, and its end was not told`));
  }
  if (end !== null) output.data(`ends at ${showAnchor(end)}`);
  if (certificate !== null) {
    for (const line of certificateLines(certificate)) output.data(line);
    output.data(`row ${recorded} of the audit names it`);
  }
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
