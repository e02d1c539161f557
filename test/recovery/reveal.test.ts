import assert from "node:assert/strict";
import { suite, test } from "node:test";

import fc from "fast-check";

import { MasklineError } from "../../src/errors.ts";
import type { Opened } from "../../src/masks/mask.ts";
import type { ActFacts, ToldParts } from "../../src/recovery/audit-entry.ts";
import type { Opener } from "../../src/recovery/opener.ts";
import type { Governance, Intent, Permit } from "../../src/recovery/ports.ts";
import { freezeList, reveal, type Revealed, type RevealedTarget, type RevealRequest } from "../../src/recovery/reveal.ts";
import { verify } from "../../src/recovery/verify.ts";
import { refused } from "../harness/refused.ts";

/** Policy and audit in memory, which write down when they were asked, beside what else happens. */
class MemoryGovernance implements Governance {
  readonly happened: string[];
  readonly said: Permit;
  readonly outcomes: unknown[] = [];
  facts: ActFacts | null = null;
  hashes: readonly Buffer[] = [];
  isWritable = true;

  constructor(happened: string[], said: Permit = "permitted") {
    this.happened = happened;
    this.said = said;
  }

  async begin(intents: readonly Intent[]): Promise<readonly Permit[]> {
    for (const { facts, tokenHashes } of intents) {
      this.happened.push(this.said === "permitted" ? "intent" : "refusal");
      this.facts = facts;
      this.hashes = tokenHashes;
    }
    return intents.map(() => this.said);
  }

  async append({ step, outcome }: ToldParts): Promise<void> {
    if (!this.isWritable) throw new MasklineError("audit_unwritable", "not now", { next: "later" });
    this.happened.push(step);
    this.outcomes.push(outcome);
  }

  async requestApproval(): Promise<string> {
    return "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11";
  }
}

const request: RevealRequest = {
  domain: "d",
  type: "text",
  partial: false,
  reason: "a court order",
  ticket: "T-1",
  approval: null,
  details: {},
};
const keys = { hashTokens: (_domain: string, tokens: readonly string[]) => tokens.map((token) => Buffer.from(token)) };
const running = new AbortController().signal;

/** Tokens `t1` stand for `value 1`; all else is none. */
function scene(said: Permit = "permitted"): {
  readonly happened: string[];
  readonly governance: MemoryGovernance;
  readonly opener: Opener;
  readonly shown: Revealed[];
  readonly target: RevealedTarget;
} {
  const happened: string[] = [];
  const shown: Revealed[] = [];
  const opener: Opener = {
    open: async (tokens) => {
      happened.push("opened");
      return tokens.map((token): Opened =>
        token.startsWith("t") ? { value: `value ${token.slice(1)}` } : { failure: "not_a_token" },
      );
    },
  };
  const target: RevealedTarget = {
    take: async (revealed) => {
      happened.push("shown");
      shown.push(...revealed);
    },
    finish: async () => void happened.push("finished"),
  };
  return { happened, governance: new MemoryGovernance(happened, said), opener, shown, target };
}

suite("reveal", () => {
  test("opens nothing before the intent is there, and ends with the result", async () => {
    const { happened, governance, opener, shown, target } = scene();
    const result = await reveal(request, freezeList(["t1", "x", "t1", "t2"]), { governance, keys, opener }, target, running);
    assert.deepEqual(happened, ["intent", "opened", "shown", "finished", "result"]);
    assert.deepEqual(shown, [
      { token: "t1", value: "value 1" },
      { token: "x", failure: "not_a_token" },
      { token: "t2", value: "value 2" },
    ]);
    assert.deepEqual([result.opened, result.failures], [2, { not_a_token: 1 }]);
    assert.deepEqual([governance.facts?.amount, governance.facts?.action, governance.hashes.length], [3, "reveal", 3]);
    assert.deepEqual(governance.outcomes, [{ opened: 2, failures: { not_a_token: 1 } }]);
  });

  test("refused for whatever reason, it opens nothing at all", async () => {
    const cases = {
      no_right: "right_missing",
      over_limit: "limit_reached",
      approval_needed: "approval_needed",
      approval_unfit: "approval_unfit",
    } as const;
    for (const [said, code] of Object.entries(cases) as [Permit, MasklineError["code"]][]) {
      const { happened, governance, opener, target } = scene(said);
      await refused(reveal(request, freezeList(["t1"]), { governance, keys, opener }, target, running), code);
      assert.deepEqual(happened, ["refusal"], said);
    }
  });

  test("a long list goes through in batches, and each value stays with its token", async () => {
    const { happened, governance, opener, shown, target } = scene();
    const tokens = Array.from({ length: 10_000 }, (_, index) => (index % 7 === 0 ? `x${index}` : `t${index}`));
    for (const partial of [false, true]) {
      shown.length = 0;
      happened.length = 0;
      await reveal({ ...request, partial }, freezeList(tokens), { governance, keys, opener }, target, running);
      assert.equal(happened.filter((what) => what === "opened").length, 3, "4,096 at a time");
      for (const [index, one] of shown.entries()) {
        assert.equal(one.token, tokens[index]);
        const value = `value ${index}`;
        const expected = partial ? (value.length < 8 ? "***" : `***${value.slice(-4)}`) : value;
        if (index % 7 === 0) assert.ok("failure" in one);
        else assert.equal("value" in one && one.value, expected);
      }
    }
  });

  test("what ends it early stands in the audit: a target that fails, or the wish to stop", async () => {
    const failing = scene();
    const take: RevealedTarget["take"] = async () => {
      throw new MasklineError("file_unwritable", "full", { next: "make room" });
    };
    const ports = { governance: failing.governance, keys, opener: failing.opener };
    await refused(reveal(request, freezeList(["t1"]), ports, { ...failing.target, take }, running), "file_unwritable");
    assert.deepEqual(failing.governance.outcomes, [{ opened: 0, failures: {}, failed: "file_unwritable" }]);

    const stopped = scene();
    const stop = new AbortController();
    const tokens = Array.from({ length: 5_000 }, (_, index) => `t${index}`);
    const stopping: RevealedTarget = { ...stopped.target, take: async () => stop.abort() };
    const asked = reveal(
      request,
      freezeList(tokens),
      { governance: stopped.governance, keys, opener: stopped.opener },
      stopping,
      stop.signal,
    );
    await assert.rejects(asked, { code: "interrupted" });
    assert.deepEqual(stopped.governance.outcomes, [{ opened: 4_096, failures: {}, failed: "interrupted" }]);

    const never = scene();
    const late = reveal(
      request,
      freezeList(tokens),
      { governance: never.governance, keys, opener: never.opener },
      never.target,
      stop.signal,
    );
    await assert.rejects(late, { code: "interrupted" });
    assert.deepEqual(never.happened, [], "stopped before: nothing was asked for");
  });

  test("a result that cannot be told is an error, even though the values have been seen", async () => {
    const { governance, opener, shown, target } = scene();
    governance.isWritable = false;
    await refused(reveal(request, freezeList(["t1"]), { governance, keys, opener }, target, running), "audit_unwritable");
    assert.equal(shown.length, 1);
  });

  test("a frozen list has each token once, in its order, and a digest that only its tokens decide", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (tokens, others) => {
        const { tokens: frozen, digest } = freezeList(tokens);
        assert.deepEqual(frozen, [...new Set(tokens)]);
        assert.equal(freezeList([...tokens.toReversed(), ...tokens]).digest, digest);
        const sorted = (list: readonly string[]): string => JSON.stringify([...new Set(list)].sort());
        const sameTokens = sorted(tokens) === sorted(others);
        assert.equal(freezeList(others).digest === digest, sameTokens);
      }),
    );
  });
});

suite("verify", () => {
  const question = {
    domain: "d",
    reason: "a court order",
    ticket: "T-1",
    approval: null,
    details: {},
    tagged: false,
    complete: true,
  } as const;
  const tokens = [
    { keyId: 1, token: "t1" },
    { keyId: 2, token: "t2" },
  ];

  test("counts no row and answers nothing before the intent, and counts as one value", async () => {
    const { happened, governance } = scene();
    const countRows = async (): Promise<[]> => {
      happened.push("counted");
      return [];
    };
    const result = await verify({ ...question, tokens, asked: "t2" }, { governance, keys, countRows });
    assert.deepEqual(happened, ["intent", "counted", "result"]);
    assert.deepEqual([result.matches, governance.facts?.amount, governance.facts?.action], [true, 1, "verify"]);
    assert.deepEqual(governance.hashes.map(String), ["t1", "t2"]);
    const other = await verify({ ...question, tokens, asked: "t3" }, { governance, keys, countRows });
    assert.equal(other.matches, false);
    assert.equal((await verify({ ...question, tokens, asked: null }, { governance, keys, countRows })).matches, null);
    const denied = scene("no_right");
    await refused(
      verify({ ...question, tokens, asked: null }, { governance: denied.governance, keys, countRows }),
      "right_missing",
    );
    assert.deepEqual(denied.happened, ["refusal"]);
  });

  test("says of a token of a key that is not at hand that it cannot be told, not that it is another value's", async () => {
    const { governance } = scene();
    const ofKey9 = Buffer.concat([Buffer.from([1, 0, 0, 0, 9]), Buffer.alloc(20)]).toString("base64url");
    const ports = { governance, keys, countRows: async () => [] };
    assert.equal((await verify({ ...question, tokens, tagged: true, asked: ofKey9 }, ports)).matches, null);
    const untagged = { ...question, tokens, tagged: false };
    assert.equal((await verify({ ...untagged, asked: ofKey9 }, ports)).matches, false);
    const lacking = { ...untagged, complete: false };
    assert.equal((await verify({ ...lacking, asked: "t3" }, ports)).matches, null, "it may be of the key that is not at hand");
    assert.equal((await verify({ ...lacking, asked: "t2" }, ports)).matches, true);
  });
});
