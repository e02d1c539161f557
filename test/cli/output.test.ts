import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";

import { Output } from "../../src/cli/output.ts";

const stderr = { isTTY: false, write: () => true } as unknown as NodeJS.WriteStream;

test("a reader that is slow is waited for, again and again, and leaves no listener behind", async () => {
  const written: string[] = [];
  const slow = new Writable({
    highWaterMark: 1,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString());
      setImmediate(done);
    },
  });
  const output = new Output(slow as unknown as NodeJS.WriteStream, stderr, false);
  const listeners = (): number => slow.listenerCount("drain") + slow.listenerCount("close");
  const before = listeners();
  for (let count = 0; count < 20; count += 1) {
    await output.stream(`${count}\n`);
    assert.equal(slow.writableNeedDrain, false);
  }
  assert.equal(written.length, 20);
  assert.equal(listeners(), before);
});

test("a reader that has gone away is not waited for", async () => {
  const gone = new Writable({ highWaterMark: 1, write: () => {} });
  const output = new Output(gone as unknown as NodeJS.WriteStream, stderr, false);
  const waiting = output.stream("never read\n");
  gone.destroy();
  await waiting;
  await output.stream("nor this\n");
  assert.equal(gone.destroyed, true);
});
