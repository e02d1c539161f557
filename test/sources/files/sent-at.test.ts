import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { Contract } from "../../../src/contract/column.ts";
import { FileLine } from "../../../src/sources/files/line.ts";
import { parseSentAt, sentAtReader } from "../../../src/sources/files/sent-at.ts";
import { folderOf, given, neverStops, openFiles } from "./given.ts";

const contract: Contract = { columns: [], decode: [], maxBodyBytes: 10_000 };

suite("the sent time of a line", () => {
  test("is one time for all, or a field of the event, as it is written", () => {
    assert.deepEqual(parseSentAt("2024-05-01T02:00:00+02:00"), { atMs: Date.UTC(2024, 4, 1) });
    assert.deepEqual(parseSentAt("2024-05-01"), { atMs: Date.UTC(2024, 4, 1) });
    assert.deepEqual(parseSentAt("event.time"), { path: "event.time" });
    assert.match(JSON.stringify(parseSentAt("2024-05-01T00:00:00")), /neither a day/);
    assert.match(JSON.stringify(parseSentAt("2024-13-01")), /neither a day/);
    assert.match(JSON.stringify(parseSentAt("a..b")), /not a path/);
  });

  test("is read from the body where a field says it, and null where no time stands there", async (t) => {
    const bodies = [
      '{"at":{"time":"2024-05-01T00:00:00.123456Z"}}',
      '{"at":{"time":1714521600}}',
      '{"at":{"time":1714521600123}}',
      '{"at":{"time":"yesterday"}}',
      '{"at":{}}',
      "no json",
    ];
    const sentAt = sentAtReader({ path: "at.time" }, contract);
    const { source } = openFiles([await given(folderOf(t), "times", bodies.join("\n"))], { reading: { mostBytes: 1_000, sentAt } });
    const lines = (await source.receive(10, neverStops)) ?? [];
    assert.ok(lines.every((line) => line instanceof FileLine));
    const may = Date.UTC(2024, 4, 1);
    assert.deepEqual(
      lines.map(({ sentAtMs }) => sentAtMs),
      [may + 123, may, may + 123, null, null, null],
    );
  });
});
