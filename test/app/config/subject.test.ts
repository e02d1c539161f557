import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { load, faultsOf } from "../../harness/configuration.ts";

/** The faults of a vault column beside these others, without where they stand. */
function faultsBeside(others: string, mask: string): readonly string[] {
  const vault = `{ from: ip, type: ip, mask: { kind: vault, domain: login.ip${mask} } }`;
  return faultsOf(`columns:\n  masked_ip: ${vault}\n${others}`).map((line) => line.replace(/^maskline\.yaml:\d+ {2}columns\./, ""));
}

suite("the subject of a vault mask", () => {
  test("is a column that every row has, masked or not", () => {
    assert.deepEqual(faultsBeside("  user_id: { type: text, required: true }\n", ", subject: user_id"), []);
    assert.deepEqual(
      faultsBeside("  user_id: { type: text, mask: { kind: siv, domain: login.user } }\n", ", subject: user_id"),
      [],
    );
    assert.deepEqual(faultsBeside("", ", subject: masked_ip"), [], "itself, too");
  });

  test("has to be named, to be there, to name somebody and not to be missing", () => {
    assert.deepEqual(faultsBeside("  user_id: { type: text, required: true }\n", ""), [
      "masked_ip.mask.subject  is missing: the column that says whose a row is, so that it can be erased; write for example subject: user_id",
    ]);
    assert.deepEqual(faultsBeside("", ", subject: user_id"), ["masked_ip.mask.subject  names no column of this contract: user_id"]);
    assert.deepEqual(faultsBeside("  user_id: { type: text }\n", ", subject: user_id"), [
      "masked_ip.mask.subject  names a column that may be missing: write required: true there, so that every row is somebody's",
    ]);
    assert.deepEqual(faultsBeside("  user_id: { type: boolean, required: true }\n", ", subject: user_id"), [
      "masked_ip.mask.subject  is a boolean column, which names nobody",
    ]);
  });

  test("is one for the whole contract", () => {
    const faults = faultsBeside(
      "  user_id: { type: text, required: true }\n  device: { type: text, mask: { kind: vault, domain: login.device, subject: device } }\n",
      ", subject: user_id",
    );
    assert.deepEqual(faults, [
      "device.mask.subject  is another one than user_id: a row is one person's, so all vault masks name the same column",
    ]);
  });

  test("is an option of vault alone, and no part of what decides its tokens", () => {
    assert.deepEqual(faultsOf("columns: { c: { type: text, mask: { kind: siv, domain: d, subject: c } } }\n").length, 1);
    const { columns } = load(
      "columns:\n  c: { type: text, mask: { kind: vault, domain: d, subject: c } }\n  e: { type: text, mask: { kind: vault, domain: d, subject: c } }\n",
    );
    assert.deepEqual(
      columns.map(({ mask, subject }) => [mask?.settings, subject]),
      [
        [{}, "c"],
        [{}, "c"],
      ],
    );
  });
});

test("a vault mask is for whole columns", () => {
  const [inside = ""] = faultsOf(
    "columns:\n  c: { type: text, required: true }\n  d: { type: json, paths: { a: { type: text, mask: { kind: vault, domain: d, subject: c } } } }\n",
  );
  assert.match(inside, /columns\.d\.paths\.a\.mask\.kind {2}vault is for whole columns/);
  const [scanned = ""] = faultsOf(
    "columns:\n  c: { type: text, required: true }\n  d: { type: text, scan: [ip], mask: { kind: vault, domain: d, subject: c } }\n",
  );
  assert.match(scanned, /columns\.d\.mask\.kind {2}vault is not for findings in a text/);
});
