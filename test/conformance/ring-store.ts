import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { inspect } from "node:util";

import { MasklineError } from "../../src/errors.ts";
import type { RingStore } from "../../src/keys/ring-store.ts";

/** What every place promises in which a ring can be written. */
export interface RingStoreCase {
  readonly name: string;
  /** Why it cannot be tried here; null when it can. */
  readonly missing: string | null;
  /** A place where nothing is; the same name is the same place. */
  open(name: string): Promise<RingStore>;
}

/** To a store a ring is a text; these are told apart at a glance. */
let texts = 0;
function ringText(): string {
  texts += 1;
  return `{"ring": ${texts}, "umlaut": "ä€😀", "lines": "\\n"}\n`;
}

export function ringStoreSuite({ name, missing, open }: RingStoreCase): void {
  suite(`a ring in ${name}`, { skip: missing ?? false }, () => {
    test("is read as it was written, and replaced by the next", async () => {
      const store = await open("read");
      const [first, second, third] = [ringText(), ringText(), ringText()];
      await store.create(first);
      assert.equal(await store.read(), first);
      await store.replace(second, first);
      assert.equal(await store.read(), second);
      await store.replace(third, second);
      assert.equal(await (await open("read")).read(), third);
    });

    test("can be of thirty keys", async () => {
      const store = await open("large");
      const text = `${ringText().trimEnd()}${" ".repeat(7_000)}\n`;
      await store.create(text);
      assert.equal(await store.read(), text);
    });

    test("is never overwritten by a new one", async () => {
      const store = await open("taken");
      const text = ringText();
      await store.create(text);
      await assert.rejects(store.create(ringText()), { code: "file_exists" });
      assert.equal(await store.read(), text);
    });

    test("is told missing where there is none, and not made by a replacement", async () => {
      const store = await open("missing");
      await assert.rejects(store.read(), { code: "keyring_missing" });
      await assert.rejects(store.replace(ringText(), ringText()), (error: MasklineError) =>
        ["keyring_missing", "keyring_unwritable"].includes(error.code),
      );
      await assert.rejects(store.read(), { code: "keyring_missing" });
    });

    test("is not replaced by who read an older one", async () => {
      const store = await open("changed");
      const [first, second] = [ringText(), ringText()];
      await store.create(first);
      await store.replace(second, first);
      await assert.rejects(store.replace(ringText(), first), { code: "keyring_unwritable", message: /changed by someone else/ });
      assert.equal(await store.read(), second);
      // and goes on for who reads it again
      await store.replace(first, second);
    });

    test("of many who change it at once one wins, and his is there", async () => {
      const stores = await Promise.all(Array.from({ length: 8 }, () => open("race")));
      const first = ringText();
      await stores[0]?.create(first);
      const wanted = stores.map(() => ringText());
      const ended = await Promise.allSettled(stores.map((store, index) => store.replace(wanted[index] ?? "", first)));
      const winners = wanted.filter((_, index) => ended[index]?.status === "fulfilled");
      assert.equal(winners.length, 1);
      for (const end of ended)
        if (end.status === "rejected") assert.equal((end.reason as MasklineError).code, "keyring_unwritable");
      assert.equal(await (await open("race")).read(), winners[0]);
    });

    test("stands in no error of its store, nor in what it shows of itself", async () => {
      const store = await open("canary");
      const text = `{"canary":"CANARY-4711"}`;
      await store.create(text);
      await store.read();
      const failures = await Promise.allSettled([
        store.create(text),
        store.replace(`${text} `, `${text}  `),
        (await open("canary-missing")).replace(text, text),
      ]);
      const shown = failures.map((failure) => {
        assert.equal(failure.status, "rejected");
        assert.ok(failure.status === "rejected" && failure.reason instanceof MasklineError);
        return `${inspect(failure.reason, { depth: 9, showHidden: true })}${JSON.stringify(failure.reason)}`;
      });
      shown.push(inspect(store, { depth: 9, showHidden: true }), JSON.stringify(store), store.shown);
      for (const output of shown) assert.ok(!output.includes("4711"), output);
    });
  });
}
