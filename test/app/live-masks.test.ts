import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { requireOpen } from "../../src/app/live-masks.ts";
import { MasklineError } from "../../src/errors.ts";
import type { Standing } from "../../src/keys/key-standing.ts";
import { addRoot } from "../../src/keys/ring-changes.ts";
import { load } from "../harness/configuration.ts";
import { newRing } from "../keys/rings.ts";

test("a mask that names its key goes on while that key is closed or drained, and is refused once it is disabled or destroyed", () => {
  const first = newRing();
  const ring = addRoot(first, randomBytes);
  const named = first.primaryId;
  const contracts: Readonly<Record<string, string>> = {
    c: `columns: { c: { type: text, max: 8, mask: { kind: hmac, domain: d, key: ${named} } } }\n`,
    "c.$.ip": `columns: { c: { type: json, paths: { $.ip: { type: ip, mask: { kind: ipcrypt, domain: d, key: ${named} } } } } }\n`,
  };
  for (const [place, text] of Object.entries(contracts)) {
    const { columns } = load(text);
    const open = (standing: Standing): void => {
      const roots = [
        { id: named, standing },
        { id: ring.primaryId, standing: "open" as const },
      ];
      requireOpen(ring, { roots, closedSealing: [] }, columns);
    };
    for (const standing of ["open", "closed", "drained"] as const) open(standing);
    for (const standing of ["disabled", "destroyed"] as const) {
      assert.throws(
        () => open(standing),
        (error) =>
          error instanceof MasklineError &&
          error.code === "key_retired" &&
          error.message === `column ${place} writes under root key ${named}, which is ${standing} in the database` &&
          error.next !== undefined,
      );
    }
  }
});
