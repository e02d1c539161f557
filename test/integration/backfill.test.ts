import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { sampleEvents } from "../../src/demo/sample.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(() => servers?.stop());

export function loginLine(number: number): string {
  return JSON.stringify({ user_id: `user-${number}`, device_type: "ios", ip: "203.0.113.7", device_id: `d-${number}`, locale: "DE", app_version: "2.3" });
}

suite("maskline backfill", () => {
  let place: Workspace;
  before(async () => {
    place = await openWorkspace(servers);
  });
  after(() => place?.close());

  test("loads", async () => {
    const lines = Array.from({ length: 20_000 }, (_, n) => loginLine(n));
    await writeFile(path.join(place.folder, "a.ndjson"), `${lines.join("\n")}\n`);
    const one = await place.maskline("backfill", "a.ndjson", "--sent-at", "2024-05-01");
    console.log(one);
    console.log(await place.maskline("backfill", "a.ndjson", "--sent-at", "2024-05-01", "--json"));
    console.log(await countRows(place.database, "user_logins"), await place.database.query("x", "select * from maskline.position"), await place.database.query("x", "select * from maskline.file"));
    await writeFile(path.join(place.folder, "b.gz"), gzipSync(lines.map((l) => l.replace("user-", "gz-")).join("\n")));
    console.log(await place.maskline("backfill", "b.gz", "a.ndjson", "--sent-at", "2024-05-01", "--processes", "2", "--json"));
    console.log(await place.maskline("backfill", "b.gz", "a.ndjson", "--sent-at", "2024-05-01", "--dry-run"));
  });
});
