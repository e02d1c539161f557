import assert from "node:assert/strict";
import { test } from "node:test";

import { beatMs, type FollowerPorts, RingFollower, renewalGraceMs, type Writing } from "../../../src/app/keys/ring-follower.ts";
import { MasklineError } from "../../../src/errors.ts";
import type { KeyStanding } from "../../../src/keys/key-standing.ts";
import type { BatchKeys } from "../../../src/pipeline/ports.ts";
import type { PipelineEvent } from "../../../src/pipeline/report.ts";
import { SteppedClock } from "../../harness/stepped-clock.ts";

const minuteMs = 60_000;

function writing(keyId: number): Writing {
  return { keys: { ring: 1, keyId, anchorId: 1, sealingId: 9, pinnedIds: [] } };
}

function refusedKeys(): BatchKeys {
  return { ...writing(1).keys, aliases: [] };
}

/** A process that writes with key 1 and follows a ring whose parts the test sets. */
class Process {
  readonly clock = new SteppedClock();
  readonly ended = new AbortController();
  readonly stop = new AbortController();
  readonly told: PipelineEvent[] = [];
  /** When it was heard of, and with which key. */
  readonly heard: (readonly [atMs: number, keyId: number])[] = [];
  readonly reopenedAt: number[] = [];
  roots: readonly KeyStanding[] = [{ id: 1, standing: "open" }];
  hear = async (): Promise<void> => {};
  reopen: FollowerPorts<Writing>["reopen"] = async () => writing(1);
  readonly follower: RingFollower<Writing>;
  readonly following: Promise<unknown>;
  failure: unknown = null;
  over = false;

  constructor() {
    const ports: FollowerPorts<Writing> = {
      sayAlive: async ({ keys }) => {
        await this.hear();
        this.heard.push([this.clock.now(), keys.keyId]);
      },
      readRoots: async () => this.roots,
      reopen: (ended) => {
        this.reopenedAt.push(this.clock.now());
        return this.reopen(ended);
      },
      clock: this.clock,
      report: (event) => this.told.push(event),
    };
    this.follower = new RingFollower(ports, writing(1), this.stop.signal);
    this.following = this.follower
      .follow(this.ended.signal)
      .catch((error: unknown) => (this.failure = error))
      .finally(() => (this.over = true));
  }

  rotate(): void {
    this.roots = [
      { id: 1, standing: "open" },
      { id: this.roots.length + 1, standing: "open" },
    ];
  }

  async end(): Promise<void> {
    this.ended.abort();
    await this.following;
    this.follower.end();
  }
}

function unreachable(): Promise<never> {
  return Promise.reject(new MasklineError("key_service_unreachable", "as asked"));
}

test("a rotation is followed within a beat, and said at once", async () => {
  const process = new Process();
  await process.clock.pass(beatMs + 1);
  process.rotate();
  process.reopen = async () => writing(2);
  await process.clock.pass(beatMs);
  assert.equal(process.follower.current.keys.keyId, 2);
  assert.deepEqual(process.told, [{ kind: "key_changed", keyId: 2 }]);
  assert.deepEqual(process.heard.at(-1), [2 * beatMs, 2]);
  await process.clock.pass(minuteMs);
  assert.deepEqual(process.reopenedAt, [2 * beatMs]);
  await process.end();
});

test("a process whose key service hangs is heard of all the same, and ends a moment after its work", async () => {
  const process = new Process();
  process.rotate();
  process.reopen = () => new Promise(() => {});
  await process.clock.pass(2 * minuteMs);
  assert.equal(process.heard.length, (2 * minuteMs) / beatMs);
  assert.deepEqual(process.reopenedAt, [beatMs], "one request is enough");
  process.ended.abort();
  await process.clock.pass(renewalGraceMs - 1);
  assert.equal(process.over, false);
  await process.clock.pass(1);
  assert.equal(process.over, true);
  assert.equal(process.failure, null);
});

test("what a renewal brings after the end is not taken, and nothing is said any more", async () => {
  const process = new Process();
  process.rotate();
  let answer: (opened: Writing) => void = () => {};
  let signal: AbortSignal | null = null;
  process.reopen = (ended) => {
    signal = ended;
    return new Promise((resolve) => (answer = resolve));
  };
  await process.clock.pass(beatMs);
  process.ended.abort();
  await process.clock.pass(renewalGraceMs);
  await process.end();
  const heard = process.heard.length;
  answer(writing(2));
  await process.clock.pass(minuteMs);
  assert.equal((signal as AbortSignal | null)?.aborted, true);
  assert.deepEqual([process.follower.current.keys.keyId, process.heard.length, process.told], [1, heard, []]);
});

test("a renewal that ends in the moment that is left is taken", async () => {
  const process = new Process();
  process.rotate();
  let answer: (opened: Writing) => void = () => {};
  process.reopen = () => new Promise((resolve) => (answer = resolve));
  await process.clock.pass(beatMs);
  process.ended.abort();
  await process.clock.pass(renewalGraceMs / 2);
  answer(writing(2));
  await process.end();
  assert.equal(process.follower.current.keys.keyId, 2);
});

test("a batch waits for its new keys as long as it takes, but only a moment once the process is to stop", async () => {
  const process = new Process();
  process.reopen = () => new Promise(() => {});
  let renewed: boolean | null = null;
  const renewing = process.follower.renew(refusedKeys()).then((is) => (renewed = is));
  await process.clock.pass(minuteMs);
  assert.equal(renewed, null);
  process.stop.abort();
  await process.clock.pass(renewalGraceMs);
  await renewing;
  assert.equal(renewed, false);
  await process.end();
});

test("lanes that are refused together wait for one renewal; its failure is theirs", async () => {
  const process = new Process();
  process.reopen = unreachable;
  const both = await Promise.allSettled([process.follower.renew(refusedKeys()), process.follower.renew(refusedKeys())]);
  assert.deepEqual(
    both.map((lane) => lane.status === "rejected" && (lane.reason as MasklineError).code),
    ["key_service_unreachable", "key_service_unreachable"],
  );
  process.reopen = async () => writing(2);
  assert.equal(await process.follower.renew(refusedKeys()), true);
  assert.equal(await process.follower.renew(refusedKeys()), true, "another lane was here first");
  assert.equal(process.reopenedAt.length, 2);
  await process.end();
});

test("a process that cannot follow tries twice as late each time, up to five minutes, and tells it once", async () => {
  const process = new Process();
  process.rotate();
  await process.clock.pass(60 * minuteMs);
  const pauses = process.reopenedAt.map((atMs, i) => (atMs - (process.reopenedAt[i - 1] ?? 0)) / beatMs);
  assert.deepEqual(pauses.slice(0, 9), [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  assert.deepEqual(process.told, [{ kind: "key_outdated", keyId: 1, code: null }]);
  assert.equal(process.heard.length, (60 * minuteMs) / beatMs, "it is heard of at every beat");

  const before = process.reopenedAt.length;
  process.rotate();
  process.reopen = unreachable;
  await process.clock.pass(beatMs);
  assert.equal(process.reopenedAt.length, before + 1, "another rotation is followed at once");
  assert.deepEqual(process.told[1], { kind: "key_outdated", keyId: 1, code: "key_service_unreachable" });
  await process.end();
});

test("a process that is not heard of is told so once; it tries on, and tells it again after it was heard of", async () => {
  const process = new Process();
  const denied = async (): Promise<void> => {
    throw new MasklineError("database_denied", "as asked");
  };
  process.hear = denied;
  await process.clock.pass(2 * beatMs);
  assert.deepEqual(process.told, []);
  await process.clock.pass(minuteMs);
  assert.deepEqual(process.told, [{ kind: "unheard", code: "database_denied" }]);
  process.hear = async () => {};
  await process.clock.pass(beatMs);
  assert.equal(process.heard.length, 1);
  process.hear = denied;
  await process.clock.pass(minuteMs);
  assert.equal(process.told.length, 2);
  await process.end();
  assert.equal(process.failure, null);
});

test("what nobody foresaw is thrown out of the beat, and out of a renewal in it", async () => {
  const fault = new TypeError("as asked");
  const inBeat = new Process();
  inBeat.hear = () => Promise.reject(fault);
  const inRenewal = new Process();
  inRenewal.rotate();
  inRenewal.reopen = () => Promise.reject(fault);
  for (const process of [inBeat, inRenewal]) {
    await process.clock.pass(beatMs);
    assert.equal(process.failure, fault);
    await process.end();
  }
});
