import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";

import { MasklineError } from "../../../src/errors.ts";
import type { Clock } from "../../../src/pipeline/clock.ts";
import type { Advance } from "../../../src/pipeline/ports.ts";
import type { BlockStanding } from "../../../src/sources/files/positions.ts";
import { abandonedAfterMs } from "../../../src/sources/files/work.ts";
import { MemoryPositions } from "../../harness/memory-positions.ts";
import { folderOf, given, loadAll, neverStops, openFiles, type ReadLine, settled, stillClock } from "./given.ts";

const lineCount = 200;
const text = Array.from({ length: lineCount }, (_, n) => `{"n":${n}}\n`).join("");

/** Time that passes with every pause. */
function passing(): Clock & { nowMs: number } {
  const clock = { ...stillClock, nowMs: 0, elapsed: () => clock.nowMs, sleep: async (ms: number) => void (clock.nowMs += ms) };
  return clock;
}

function doubled(lines: readonly ReadLine[]): number {
  return lines.length - new Set(lines.map(({ id }) => id)).size;
}

/** Several processes over one file at once, each with its own source; positions are what they share. */
async function together(
  folder: string,
  name: string,
  makeStep?: (positions: MemoryPositions, step: Advance) => boolean,
): Promise<readonly ReadLine[]> {
  const clock = passing();
  const positions = new MemoryPositions(() => clock.nowMs);
  const file = await given(folder, name, name.endsWith(".gz") ? gzipSync(text) : text, 100);
  const lines: ReadLine[] = [];
  const process = (startAt: number): Promise<unknown> =>
    loadAll(openFiles([file], { positions, clock, startAt }), 3, makeStep && ((step) => makeStep(positions, step)), lines);
  await Promise.all([process(0), process(0), process(0.5)]);
  return lines;
}

suite("the source of files", () => {
  for (const name of ["shared", "shared.gz"]) {
    test(`processes that meet in a file load each line once: ${name}`, async (t) => {
      const lines = await together(folderOf(t), name);
      assert.equal(lines.length, lineCount);
      assert.equal(doubled(lines), 0);
    });

    test(`that check fails when steps are made without being compared: ${name}`, async (t) => {
      const lines = await together(folderOf(t), name, (positions, step) => {
        positions.next.set(step.stream, step.to);
        return true;
      });
      assert.ok(doubled(lines) > 0, "lines are loaded twice, and the check sees it");
    });
  }

  test("lines are known by what the file holds and where they begin, whatever its name", async (t) => {
    const folder = folderOf(t);
    const one = await loadAll(openFiles([await given(folder, "one", text)]));
    const other = await loadAll(openFiles([await given(folder, "other", text)]));
    assert.deepEqual(one, other);
    assert.match(one[1]?.id ?? "", /^[0-9a-f]{16}:8$/);
  });

  test("a batch that goes back comes again, one attempt more, and nothing behind it comes first", async (t) => {
    const opened = openFiles([await given(folderOf(t), "returned", text)]);
    const { source } = opened;
    const first = (await source.receive(5, neverStops)) ?? [];
    const ids = first.map(({ id }) => id);
    await source.settle(settled(first, "returned"));
    await source.settle(settled(first, "returned"));
    const again = (await source.receive(5, neverStops)) ?? [];
    assert.deepEqual(
      again.map(({ id }) => id),
      ids,
    );
    assert.ok(again.every(({ attempt }) => attempt === 2));
    assert.deepEqual(source.advanceOf(again), { stream: source.advanceOf(first)?.stream, from: 0, to: 5 * 8 });
  });

  test("lanes have blocks of their own, and hold no more of them than there are lanes", async (t) => {
    const { source } = openFiles([await given(folderOf(t), "lanes", text, 400)]);
    const one = (await source.receive(5, neverStops)) ?? [];
    const other = (await source.receive(5, neverStops)) ?? [];
    const streams = [one, other].map((batch) => source.advanceOf(batch)?.stream.split("/")[1]);
    assert.deepEqual(streams, ["0", "1"]);
    assert.equal(source.isWhole, false);
    await source.settle(settled(one));
    const next = (await source.receive(5, neverStops)) ?? [];
    assert.equal(source.advanceOf(next)?.stream.split("/")[1], "0", "what was begun is gone on with first");
  });

  test("a block that another process is at is left to it, and taken over when nobody moves it any more", async (t) => {
    const clock = passing();
    const positions = new MemoryPositions(() => clock.nowMs);
    const file = await given(folderOf(t), "left", text, 100);
    positions.move({ stream: `${file.fingerprint}/0`, from: 0, to: 16 });
    let waited = 0;
    const lines = await loadAll(openFiles([file], { positions, clock, waiting: (blocks) => (waited += blocks) }));
    assert.equal(waited, 1);
    assert.ok(clock.nowMs >= abandonedAfterMs);
    assert.equal(lines.length, lineCount - 2);
    assert.ok(lines.findIndex(({ id }) => id.endsWith(":16")) > lines.length - 20, "it comes last");
  });

  test("the work is over when what another is at is done, and not before", async (t) => {
    const clock = passing();
    const positions = new MemoryPositions(() => clock.nowMs);
    const file = await given(folderOf(t), "watched", text, 10_000);
    const stream = `${file.fingerprint}/0`;
    positions.move({ stream, from: 0, to: 8 });
    let looks = 0;
    const busy: Clock = {
      ...clock,
      elapsed: () => clock.nowMs,
      sleep: async () => {
        clock.nowMs += 100;
        looks += 1;
        positions.move({ stream, from: looks * 8, to: looks === 100 ? 10_000 : (looks + 1) * 8 });
      },
    };
    const opened = openFiles([file], { positions, clock: busy });
    assert.deepEqual(await loadAll(opened), []);
    assert.equal(looks, 100);
    assert.ok(opened.source.isWhole);
  });

  test("it is not over for one lane while another has the last block in its hands", async (t) => {
    const { source } = openFiles([await given(folderOf(t), "last", text)]);
    const batch = (await source.receive(lineCount, neverStops)) ?? [];
    assert.equal(await source.receive(10, neverStops), null);
    assert.equal(source.isWhole, false);
    await source.settle(settled(batch));
    assert.equal(source.isWhole, true);
  });

  test("an aborted call ends with nothing, and the work is not over", async (t) => {
    const stop = new AbortController();
    const positions = new MemoryPositions();
    const file = await given(folderOf(t), "stopped", text);
    positions.move({ stream: `${file.fingerprint}/0`, from: 0, to: 8 });
    const clock: Clock = { ...stillClock, sleep: async () => stop.abort() };
    const { source } = openFiles([file], { positions, clock });
    assert.deepEqual(await source.receive(10, stop.signal), []);
    assert.deepEqual(await source.receive(10, stop.signal), []);
    assert.equal(source.isWhole, false);
  });

  test("an outage of the positions loses no line: the call fails, and the next one goes on", async (t) => {
    const folder = folderOf(t);
    for (const name of ["outage", "outage.gz"]) {
      const clock = passing();
      class Failing extends MemoryPositions {
        calls = 0;
        override async ofStream(stream: string): Promise<BlockStanding> {
          this.calls += 1;
          if (this.calls % 3 === 0) throw new MasklineError("database_unreachable", "as asked");
          return super.ofStream(stream);
        }
      }
      const positions = new Failing(() => clock.nowMs);
      const opened = openFiles([await given(folder, name, name.endsWith(".gz") ? gzipSync(text) : text, 100)], {
        positions,
        clock,
      });
      const lines: ReadLine[] = [];
      for (let ended = false; !ended;) {
        await loadAll(opened, 3, undefined, lines).then(
          () => (ended = true),
          (error: unknown) => assert.equal((error as MasklineError).code, "database_unreachable"),
        );
      }
      assert.equal(lines.length, lineCount);
      assert.equal(doubled(lines), 0);
      assert.ok(positions.calls > 16);
    }
  });

  test("where receipts tell lines apart, the step follows the load, and one that fails is made with the next", async (t) => {
    class Failing extends MemoryPositions {
      steps = 0;
      override async advance(step: Advance): Promise<boolean> {
        this.steps += 1;
        if (this.steps % 2 === 1) throw new MasklineError("database_unreachable", "as asked");
        return super.advance(step);
      }
    }
    const positions = new Failing();
    const file = await given(folderOf(t), "receipts", text, 10_000);
    const opened = openFiles([file], { positions, inLoad: false });
    let batches = 0;
    for (;;) {
      const batch = await opened.source.receive(7, neverStops).catch(() => []);
      if (batch === null) break;
      assert.equal(opened.source.advanceOf(batch), undefined);
      batches += batch.length > 0 ? 1 : 0;
      await opened.source.settle(settled(batch));
    }
    assert.equal(batches, Math.ceil(lineCount / 7));
    assert.equal(positions.next.get(`${file.fingerprint}/0`), 10_000);
  });

  test("progress comes to the size of the file", async (t) => {
    const folder = folderOf(t);
    for (const [name, bytes] of [
      ["plain", Buffer.from(text)],
      ["packed.gz", gzipSync(text)],
    ] as const) {
      let advanced = 0;
      await loadAll(openFiles([await given(folder, name, bytes, 300)], { advanced: (diskBytes) => (advanced += diskBytes) }), 4);
      assert.ok(Math.abs(advanced - bytes.length) < 1, `${advanced} of ${bytes.length}`);
    }
  });

  test("a file that is written to meanwhile is an error that says what to do", async (t) => {
    const folder = folderOf(t);
    for (const name of ["written", "written.gz"]) {
      const bytes = name.endsWith(".gz") ? gzipSync(text) : Buffer.from(text);
      const file = await given(folder, name, bytes, 100);
      const opened = openFiles([file]);
      const first = (await opened.source.receive(3, neverStops)) ?? [];
      assert.equal(first.length, 3);
      await given(folder, name, Buffer.concat([bytes, bytes]));
      await assert.rejects(loadAll(opened), {
        code: "file_changed",
        message: `${name} was written to while it was being loaded; what was loaded of it stays`,
      });
      await opened.source.close();
    }
  });
});
