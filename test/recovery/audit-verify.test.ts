import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { auditKeys, auditPublicKeys } from "../../src/keys/audit-keys.ts";
import { readAnchor, showAnchor } from "../../src/recovery/audit-anchor.ts";
import { entryHash } from "../../src/recovery/audit-entry.ts";
import { headLine, readHeadLine, readRowLine, rowLine } from "../../src/recovery/audit-export.ts";
import type { KeptRow } from "../../src/recovery/audit-reading.ts";
import { type AuditVerdict, type FaultKind, type NoRow, type Trust, verifyAudit } from "../../src/recovery/audit-verify.ts";
import { auditChain, type Told } from "../harness/audit-chain.ts";
import { ringOf, root } from "../keys/rings.ts";

const ring = ringOf(root(0x200), root(0x100, "DISABLED"), root(0x300, "DESTROYED"));
const keys = auditKeys(ring);
const publicKeys = auditPublicKeys(ring);
const elsewhere = auditKeys(ringOf(root(0x200)));

function verify(rows: readonly (KeptRow | NoRow)[], trust: Partial<Trust> = {}): Promise<AuditVerdict> {
  return verifyAudit(rows, { publicKeys, anchors: [], from: 1, ...trust });
}

async function kindsOf(rows: readonly (KeptRow | NoRow)[], trust: Partial<Trust> = {}): Promise<readonly FaultKind[]> {
  return (await verify(rows, trust)).faults.map(({ kind }) => kind);
}

const hashes = fc.uniqueArray(
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 4, selector: (hash) => hash.toString("hex") },
);
const reasons = fc.string({ unit: "grapheme", minLength: 10, maxLength: 30 });
const principals = fc.option(
  fc.constantFrom("arn:aws:iam::123456789012:user/jane", "arn:aws:sts::123456789012:assumed-role/desk/joe"),
);
const told = fc.array(
  fc
    .record({ tokenHashes: hashes, facts: fc.record({ reason: reasons, amount: fc.nat() }), principal: principals })
    .map((parts): Told => parts),
  { minLength: 2, maxLength: 8 },
);
const chains = told.map((acts) => auditChain(keys, acts));
const place = fc.nat();

const at = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
const put = (rows: readonly KeptRow[], index: number, row: KeptRow): readonly KeptRow[] => rows.with(index % rows.length, row);
/** Another byte somewhere in it. */
const flipped = (bytes: Buffer, index: number, by: number): Buffer =>
  Buffer.from(bytes.map((byte, i) => (i === index % bytes.length ? byte ^ ((by % 255) + 1) : byte)));

test("a true chain has no fault, whatever it tells, and ends where its last row is", async () => {
  await fc.assert(
    fc.asyncProperty(chains, async (rows) => {
      const end = at(rows, rows.length - 1);
      const verdict = await verify(rows, { anchors: rows });
      assert.deepEqual(verdict.faults, []);
      assert.equal(verdict.rows, rows.length);
      assert.deepEqual(verdict.end, { sequence: end.sequence, hash: end.hash });
      assert.deepEqual(verdict.keyIds, [0x200]);
    }),
  );
});

/** What someone without the signing key can do to a chain, by what they do it to. */
const tamperings: Readonly<Record<string, (rows: readonly KeptRow[], index: number, by: number) => readonly KeptRow[]>> = {
  "a text is altered": (rows, index, by) => {
    const row = at(rows, index);
    const altered = row.entry.replace(/"reason":"./u, `"reason":"${by % 2 === 0 ? "A" : "B"}`);
    return put(rows, index, { ...row, entry: altered === row.entry ? `${row.entry} ` : altered });
  },
  "a text is altered and its hash with it": (rows, index) => {
    const row = at(rows, index);
    const entry = row.entry.replace('"actor":"officer"', '"actor":"another"');
    return put(rows, index, { ...row, entry, hash: entryHash(entry) });
  },
  "a principal is altered": (rows, index) => {
    const row = at(rows, index);
    const entry = row.entry.replace(/"principal":(?:null|"[^"]*")/, '"principal":"arn:aws:iam::123456789012:user/another"');
    assert.notEqual(entry, row.entry);
    return put(rows, index, { ...row, entry });
  },
  "a hash is altered": (rows, index, by) => put(rows, index, { ...at(rows, index), hash: flipped(at(rows, index).hash, by, by) }),
  "a signature is altered": (rows, index, by) =>
    put(rows, index, { ...at(rows, index), signature: flipped(at(rows, index).signature, by, by) }),
  "a signature is of another row": (rows, index, by) => {
    const other = at(rows, index + 1 + (by % (rows.length - 1)));
    return put(rows, index, { ...at(rows, index), signature: other.signature });
  },
  "a key id is altered": (rows, index, by) =>
    put(rows, index, { ...at(rows, index), keyId: by % 2 === 0 ? 0x100 : 0x200 + 1 + by }),
  "an act is altered": (rows, index) => put(rows, index, { ...at(rows, index), act: randomUUID() }),
  "a sequence is altered": (rows, index, by) =>
    put(rows, index, { ...at(rows, index), sequence: at(rows, index).sequence + 1 + by }),
  "tokens are added": (rows, index, by) => {
    const row = at(rows, index);
    return put(rows, index, { ...row, tokenHashes: [...row.tokenHashes, Buffer.alloc(16, by)] });
  },
  "tokens are altered or removed": (rows, index, by) => {
    const row = at(rows, index);
    const [first, ...others] = row.tokenHashes;
    if (first === undefined) return put(rows, index, { ...row, tokenHashes: [Buffer.alloc(16)] });
    return put(rows, index, { ...row, tokenHashes: by % 2 === 0 ? others : [flipped(first, by, by), ...others] });
  },
  "a row that is not the last is removed": (rows, index) => rows.toSpliced(index % (rows.length - 1), 1),
  "a row is removed and the others moved up": (rows, index) =>
    rows.toSpliced(index % (rows.length - 1), 1).map((row, i) => ({ ...row, sequence: i + 1 })),
  "a row is repeated": (rows, index, by) => rows.toSpliced(by % (rows.length + 1), 0, at(rows, index)),
  "two rows change places": (rows, index, by) => {
    const [one, other] = [index % rows.length, (index + 1 + (by % (rows.length - 1))) % rows.length];
    return rows.with(one, at(rows, other)).with(other, at(rows, one));
  },
  "two rows change their sequences": (rows, index, by) => {
    const [one, other] = [index % rows.length, (index + 1 + (by % (rows.length - 1))) % rows.length];
    const moved = (from: number, to: number): KeptRow => ({ ...at(rows, from), sequence: at(rows, to).sequence });
    return rows.with(one, moved(other, one)).with(other, moved(one, other));
  },
  "a row signed with another key is inserted": (rows, index) => {
    const cut = rows.slice(0, index % rows.length);
    const forged = auditChain(elsewhere, [...cut.map(() => ({})), {}]).at(-1) as KeptRow;
    return [...cut, forged, ...rows.slice(cut.length).map((row) => ({ ...row, sequence: row.sequence + 1 }))];
  },
  "a row signed with another key is appended": (rows) => {
    return [...rows, auditChain(elsewhere, [...rows.map(() => ({})), {}]).at(-1) as KeptRow];
  },
  "the end of another chain of the same key is put behind": (rows, index) => {
    const cut = 1 + (index % (rows.length - 1));
    const other = auditChain(
      keys,
      rows.map(() => ({ facts: { ticket: "another" } })),
    );
    return [...rows.slice(0, cut), ...other.slice(cut)];
  },
  "a whole chain is written anew with another key": (rows) => {
    return auditChain(
      elsewhere,
      rows.map(() => ({})),
    );
  },
};

for (const [name, tamper] of Object.entries(tamperings)) {
  test(`found without an anchor: ${name}`, async () => {
    await fc.assert(
      fc.asyncProperty(chains, place, place, async (rows, index, by) => {
        assert.notEqual((await verify(tamper(rows, index, by))).faultCount, 0);
      }),
    );
  });
}

test("what is cut off at the end is found by any anchor behind the cut, and by none before it", async () => {
  await fc.assert(
    fc.asyncProperty(chains, place, place, async (rows, cutAt, anchorAt) => {
      const kept = rows.slice(0, cutAt % (rows.length + 1));
      const anchor = at(rows, anchorAt);
      assert.deepEqual(await kindsOf(kept), []);
      assert.deepEqual(await kindsOf(kept, { anchors: [anchor] }), anchor.sequence > kept.length ? ["cut"] : []);
    }),
  );
});

test("a row that is told by a log and by the export itself is missed once", async () => {
  const missed = { sequence: 3, hash: Buffer.alloc(32, 1) };
  const anchors = [missed, { ...missed, hash: Buffer.alloc(32, 1) }];
  assert.deepEqual(await kindsOf(auditChain(keys, [{}, {}]).slice(0, 2), { anchors }), ["cut"]);
});

test("what was written anew with the true key is found by an anchor only", async () => {
  await fc.assert(
    fc.asyncProperty(told, place, async (acts, index) => {
      const rows = auditChain(keys, acts);
      const anew = auditChain(
        keys,
        acts.map((act) => ({ ...act, facts: { ticket: "another" } })),
      );
      assert.deepEqual(await kindsOf(anew), []);
      assert.deepEqual(await kindsOf(anew, { anchors: [at(rows, index)] }), ["rewritten"]);
    }),
  );
});

test("the rest of an audit is verified as such, linked to an anchor of the row before it", async () => {
  const rows = auditChain(keys, [{}, {}, {}, {}]);
  const rest = rows.slice(2);
  assert.deepEqual(await kindsOf(rest), ["missing"]);
  assert.deepEqual(await kindsOf(rest, { from: 3 }), []);
  assert.deepEqual(await kindsOf(rest, { from: 3, anchors: [at(rows, 1)] }), []);
  const other = { sequence: 2, hash: Buffer.alloc(32, 1) };
  assert.deepEqual(await kindsOf(rest, { from: 3, anchors: [other] }), ["rewritten"]);
  assert.deepEqual(await kindsOf([], { from: 3, anchors: [at(rows, 1)] }), ["cut"], "nothing here shows it");
});

test("rows of a key that was disabled since are checked with it, and those of an unknown key are a fault", async () => {
  const bytes = Buffer.alloc(32, 7);
  const old = auditKeys(ringOf(root(0x100, "ENABLED", bytes)));
  const [, disabled] = auditPublicKeys(ringOf(root(0x200), root(0x100, "DISABLED", bytes)));
  assert.ok(disabled);
  const rows = auditChain(old, [{}, { keys }]);
  assert.deepEqual(await kindsOf(rows, { publicKeys: [disabled, ...publicKeys.slice(0, 1)] }), []);
  assert.deepEqual(await kindsOf(rows), ["forged"], "another root of the same id");
  assert.deepEqual(await kindsOf(rows, { publicKeys: [{ keyId: 0x200, publicKey: keys.publicKey }] }), ["unknown_key"]);
  assert.deepEqual(await kindsOf(rows, { publicKeys: [] }), ["unknown_key", "unknown_key"]);
  const anyId = [old.publicKey, keys.publicKey].map((publicKey) => ({ keyId: null, publicKey }));
  assert.deepEqual(await kindsOf(rows, { publicKeys: anyId }), []);
});

test("an intent without a result is open and no fault; results and refusals close", async () => {
  const [ended, open] = [randomUUID(), randomUUID()];
  const rows = auditChain(keys, [
    { act: ended },
    { act: open, facts: { domain: "login.device_id" } },
    { step: "refusal" },
    { act: ended, step: "result" },
  ]);
  const { open: found, faults } = await verify(rows);
  assert.deepEqual(faults, []);
  assert.deepEqual(
    found.map(({ act, sequence, actor, domain }) => [act, sequence, actor, domain]),
    [[open, 2, "officer", "login.device_id"]],
  );
});

test("a result has no tokens of its own, and the order of hashes means nothing", async () => {
  const pair = [Buffer.alloc(16, 2), Buffer.alloc(16, 1)];
  assert.throws(() => auditChain(keys, [{ step: "result", tokenHashes: pair }]), RangeError);
  const [row] = auditChain(keys, [{ tokenHashes: pair }]);
  assert.ok(row);
  assert.deepEqual(await kindsOf([{ ...row, tokenHashes: pair.toReversed() }]), []);
});

test("every fault is told where it is, and of very many the first ones are kept and all counted", async () => {
  const rows = auditChain(keys, [{}, {}, {}, {}, {}]);
  const broken = [at(rows, 0), { place: "line 3" }, { ...at(rows, 2), act: randomUUID() }, at(rows, 4), at(rows, 3)];
  const { faults } = await verify(broken, { anchors: [{ sequence: 9, hash: Buffer.alloc(32) }] });
  assert.deepEqual(
    faults.map(({ kind, sequence }) => [kind, sequence]),
    [
      ["unreadable", null],
      ["misplaced", 3],
      ["missing", 2],
      ["missing", 4],
      ["out_of_order", 4],
      ["cut", 9],
    ],
  );
  const { faults: kept, faultCount } = await verify(Array.from({ length: 10_005 }, (_, i) => ({ place: `line ${i}` })));
  assert.deepEqual([kept.length, faultCount], [10_000, 10_005]);
});

test("an export's lines give back the rows, and whatever is altered in a line is found", async () => {
  await fc.assert(
    fc.asyncProperty(chains, place, place, fc.integer({ min: 1, max: 127 }), async (rows, index, column, by) => {
      const lines = rows.map(rowLine);
      const back = lines.map(readRowLine);
      assert.deepEqual(back, rows);
      const bytes = Buffer.from(at(lines, index));
      bytes[column % bytes.length] = (bytes[column % bytes.length] ?? 0) ^ by;
      const altered = bytes.toString("utf8");
      const read = readRowLine(altered);
      const found = await verify(rows.with(index % rows.length, (read ?? { place: "line" }) as KeptRow));
      // upper and lower case of a digit, or one way to write a character for another: the same row
      const same = read !== null && JSON.stringify(read) === JSON.stringify(at(rows, index));
      assert.equal(found.faultCount === 0, same, altered);
    }),
    { numRuns: 500 },
  );
});

test("a head line gives back what it was made of; anything else is none", () => {
  const head = { from: 3, through: { sequence: 7, hash: Buffer.alloc(32, 5) }, publicKeys };
  assert.deepEqual(readHeadLine(headLine(head)), head);
  assert.deepEqual(readHeadLine(headLine({ ...head, through: null })), { ...head, through: null });
  const line = headLine(head);
  for (const other of ["", "{", "[]", "null", line.replace("export/1", "export/2"), line.replace('"from":3', '"from":0')]) {
    assert.equal(readHeadLine(other), null, other);
  }
  assert.equal(readHeadLine(line.replace('"7:', '"7;')), null);
  assert.equal(readHeadLine(line.replace(/"publicKey":"../, '"publicKey":"')), null);
});

test("an anchor is read as it is shown, and as nothing else", () => {
  const text = `12:${"ab".repeat(32)}`;
  const anchor = readAnchor(text);
  assert.ok(anchor);
  assert.equal(showAnchor(anchor), text);
  for (const other of ["", "12", `0:${"ab".repeat(32)}`, text.slice(0, -1), `${text}0`, text.toUpperCase(), ` ${text}`]) {
    assert.equal(readAnchor(other), null, other);
  }
  assert.equal(readAnchor(`9999999999999999:${"ab".repeat(32)}`), null, "no number that is exact");
});
