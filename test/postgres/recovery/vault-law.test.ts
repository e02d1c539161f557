import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import fc from "fast-check";

import { erase, type EraseQuestion } from "../../../src/app/recovery/erase.ts";
import { openVault } from "../../../src/app/recovery/vault-opener.ts";
import { type PostgresServer, startPostgres } from "../../../src/demo/postgres-server.ts";
import type { Delivery } from "../../../src/pipeline/ports.ts";
import { deliveryOf, loginOf, VaultTable } from "../../harness/vault-table.ts";

let server: PostgresServer;
before(async () => {
  server = await startPostgres();
});
after(() => server?.stop());

const users = ["ann", "bob", "carol"] as const;
const addresses = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::1"] as const;
const question: EraseQuestion = {
  column: "user_id",
  nullTokens: false,
  reason: "a request under article 17",
  ticket: "T-17",
  approval: null,
};

type Step =
  | { readonly kind: "load"; readonly logins: readonly (readonly [user: string, ip: string])[] }
  | { readonly kind: "again" }
  | { readonly kind: "erase"; readonly user: string };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("load" as const),
      logins: fc.array(fc.tuple(fc.constantFrom(...users), fc.constantFrom(...addresses)), { minLength: 1, maxLength: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("again" as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("erase" as const), user: fc.constantFrom(...users) }) },
);

test("after any loads, redeliveries and erasures the vault holds what was loaded of each since its erasure, and nothing else", async () => {
  const table = await VaultTable.create(server);
  try {
    const governed = await table.governed();
    const loader = await table.loader();
    const mask = openVault(table.database, "maskline", table.ring, { domain: "login.ip" });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
        await table.database.query("emptying", "DELETE FROM maskline.vault_link");
        await table.database.query("emptying", "DELETE FROM maskline.vault");
        await table.database.query("emptying", "DELETE FROM logins");
        const model = new Map<string, Set<string>>(users.map((user) => [user, new Set()]));
        let last: readonly Delivery[] = [];
        for (const one of steps) {
          if (one.kind === "load") {
            last = one.logins.map(([user, ip]) => deliveryOf(loginOf(user, ip)));
            await loader.sink.load(loader.batchOf(last));
            for (const [user, ip] of one.logins) model.get(user)?.add(ip);
          } else if (one.kind === "again") {
            if (last.length > 0) await loader.sink.load(loader.batchOf(last));
          } else {
            await erase(table.settings, governed, question, one.user);
            model.get(one.user)?.clear();
          }
        }
        const links = await table.count("maskline.vault_link");
        assert.equal(
          links,
          [...model.values()].reduce((sum, values) => sum + values.size, 0),
          "a link for each value of each",
        );
        const tokens = await table.database.query<{ token: string }>("reading", "SELECT token FROM maskline.vault");
        const opened = await mask.open(tokens.map(({ token }) => token));
        assert.deepEqual(
          opened.map((each) => ("value" in each ? each.value : each.failure)).toSorted(),
          [...new Set([...model.values()].flatMap((values) => [...values]))].toSorted(),
        );
      }),
      { numRuns: 25 },
    );
  } finally {
    await table.close();
  }
});
