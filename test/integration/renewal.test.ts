import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { sampleEvents } from "../../src/demo/sample.ts";
import { countRows } from "../harness/login-table.ts";
import { openWorkspace, type Servers, startMaskline, startServers } from "../harness/workspace.ts";

suite("a process whose key service stops answering", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  test("is heard of while it waits for the ring, and ends without its answer", { timeout: 60_000 }, async (t) => {
    const place = await openWorkspace(servers);
    t.after(() => place.close());
    const ring = await readFile(path.join(place.folder, "keyring.json"), "utf8");
    let asked = 0;
    const service = createServer((request, response) => {
      request.resume();
      asked += 1;
      if (asked > 1) return;
      response.setHeader("content-type", "application/x-amz-json-1.1");
      response.end(JSON.stringify({ Parameter: { Name: "/ring", Type: "SecureString", Value: ring, Version: 1 } }));
    });
    await new Promise<void>((resolve) => service.listen(0, "127.0.0.1", resolve));
    t.after(() => {
      service.closeAllConnections();
      service.close();
    });
    const { port } = service.address() as AddressInfo;
    const keyring = `keyring: { from: "aws-ssm:/ring", endpoint: "http://127.0.0.1:${port}" }`;
    await writeFile(path.join(place.folder, "ssm.yaml"), (await readFile(place.file, "utf8")).replace(/^keyring: .*$/m, keyring), {
      mode: 0o600,
    });
    await place.database.query(
      "playing a run that was killed",
      `WITH gone AS (INSERT INTO maskline.pipeline (name) VALUES ('gone') RETURNING number)
       INSERT INTO maskline.replica (run, pipeline, ring, key_id, sealing_id, seen_at)
       SELECT $1, number, 1, 2, 3, now() - interval '25 hours' FROM gone`,
      [randomUUID()],
    );
    await place.send([...sampleEvents({ count: 20, seed: 3 })].map(({ body }) => body));
    const running = startMaskline(place.folder, ["run", "--config", "ssm.yaml"]);
    t.after(() => running.kill("SIGKILL"));
    while ((await countRows(place.database, "user_logins")) === 0) await pause(20);
    assert.equal(await countRows(place.database, "maskline.replica"), 1, "the dead one was forgotten at the start");
    assert.equal((await place.maskline("keys", "rotate")).code, 0);
    while (asked < 2) await pause(20);
    const heard = async (): Promise<string> => {
      const [row] = await place.database.query<{ at: string }>("looking", "SELECT seen_at::text AS at FROM maskline.replica");
      return row?.at ?? "";
    };
    const first = await heard();
    const second = await changed(first, heard);
    await changed(second, heard);
    // the client gives up and asks once more: a whole wait is before it
    while (asked < 3) await pause(20);
    running.kill("SIGTERM");
    const { code, stderr } = await running.finished;
    assert.equal(code, 0, stderr);
    assert.equal(asked, 3, "it did not stay to ask again");
    assert.equal(await countRows(place.database, "maskline.replica"), 0);
  });
});

async function changed(from: string, look: () => Promise<string>): Promise<string> {
  for (;;) {
    const now = await look();
    if (now !== from) return now;
    await pause(20);
  }
}
