import assert from "node:assert/strict";
import { test } from "node:test";

import { duplicatesQuestion } from "../../src/app/duplicates.ts";
import { load } from "../harness/configuration.ts";

test("duplicates are looked for where equal values have equal tokens, and nowhere else", () => {
  const settings = load(`
columns:
  user_id: { type: text }
  ip: { type: ip, mask: { kind: siv, domain: d.ip } }
  network: { from: ip, type: ip, mask: { kind: partial } }
  device: { type: text, mask: { kind: hmac, domain: d.device } }
  note: { type: text, mask: { kind: redact } }
  mark: { type: text, mask: { kind: constant, value: "-" } }
  gone: { type: text, mask: { kind: "null" } }
  day: { type: date, mask: { kind: generalise, to: month } }
`);
  assert.deepEqual(duplicatesQuestion(settings).columns, ["ip", "device"]);
  for (const column of ["network", "mark", "user_id"]) assert.throws(() => duplicatesQuestion(settings, column), { code: "usage" });
});
