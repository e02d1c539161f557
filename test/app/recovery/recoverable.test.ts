import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { canonicalValue } from "../../../src/app/recovery/read-value.ts";
import { keyedPlace, openPlace, revealablePlace, tokensUnderEveryKey } from "../../../src/app/recovery/recoverable.ts";
import { MasklineError } from "../../../src/errors.ts";
import { readToken } from "../../../src/masks/token.ts";
import { Database } from "../../../src/postgres/database.ts";
import { load } from "../../harness/configuration.ts";
import { ringOf, root } from "../../keys/rings.ts";

const ids = [0x300, 0x100, 0x200] as const;
const ring = ringOf(root(ids[0]), root(ids[1]), root(ids[2]));
const settings = load(`columns:
  user_id: { type: text }
  ip:      { type: ip, mask: { kind: siv, domain: d.ip } }
  mail:    { type: email, mask: { kind: hmac, domain: d.mail, key: ${ids[1]} } }
  part:    { type: ip, mask: { kind: partial } }
`);

/** Never connected to: only the vault's tokens are opened by what stands in it. */
const noDatabase = new Database({
  url: "postgres://127.0.0.1:9/none",
  tls: null,
  caFile: null,
  connections: 1,
  connectTimeoutMs: 1_000,
});

suite("a column that values come back from", () => {
  test("a value has a token under every enabled key, the one that masks now first, and each opens to it", async () => {
    const column = revealablePlace(settings, "ip");
    const tokens = tokensUnderEveryKey(ring, column, "203.0.113.7");
    assert.equal(tokens[0]?.keyId, ring.primaryId);
    assert.deepEqual(tokens.map(({ keyId }) => keyId).toSorted(), [...ids].sort());
    for (const { keyId, token } of tokens) assert.equal(readToken(token)?.keyId, keyId);
    const opened = await openPlace({ ring, database: noDatabase, schema: "maskline" }, column).open(
      tokens.map(({ token }) => token),
    );
    assert.deepEqual(
      opened,
      Array.from(tokens, () => ({ value: "203.0.113.7" })),
    );
  });

  test("of a pinned one-way mask the key it names comes first, and all tokens differ", () => {
    const tokens = tokensUnderEveryKey(ring, keyedPlace(settings, "mail"), "ann@example.com");
    assert.equal(tokens[0]?.keyId, ids[1]);
    assert.equal(new Set(tokens.map(({ token }) => token)).size, ids.length);
  });

  test("columns that give nothing back are refused with what to do instead", () => {
    const cases: readonly (readonly [string | null, RegExp])[] = [
      ["mail", /maskline verify --column mail/],
      ["part", /--column one of: ip$/],
      ["user_id", /--column one of: ip$/],
      [null, /--column one of: ip$/],
    ];
    for (const [name, next] of cases) {
      assert.throws(
        () => revealablePlace(settings, name),
        (error: unknown) => error instanceof MasklineError && error.code === "usage" && next.test(error.next ?? ""),
      );
    }
  });

  test("what is typed becomes the form that is masked, or an error that does not repeat it", () => {
    const column = keyedPlace(settings, "ip");
    assert.equal(canonicalValue(column, " ::ffff:203.0.113.7\t"), "203.0.113.7");
    for (const typed of ["CANARY", "", "203.0.113.07"]) {
      assert.throws(
        () => canonicalValue(column, typed),
        (error: unknown) =>
          error instanceof MasklineError && error.code === "value_unfit" && (typed === "" || !error.message.includes(typed)),
      );
    }
  });
});
