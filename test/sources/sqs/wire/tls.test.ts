import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { runToEnd } from "../../../../src/demo/process.ts";
import { openTestQueue, transports } from "../../../harness/queues.ts";

function opensslMissing(): string | false {
  try {
    execFileSync("openssl", ["version"], { stdio: "pipe" });
    return false;
  } catch {
    return "openssl is not installed here: certificates cannot be made";
  }
}

const queueFile = path.resolve(import.meta.dirname, "../../../harness/queues.ts");

suite("a queue behind TLS", { skip: opensslMissing() }, () => {
  let folder: string;
  let server: https.Server;
  let url: string;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "maskline-queue-tls-"));
    const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName = DNS:localhost"];
    const make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...names, "-keyout", "key.pem", "-out", "crt.pem"];
    execFileSync("openssl", make, { cwd: folder, stdio: "pipe" });
    const read = (name: string): Buffer => readFileSync(path.join(folder, name));
    server = https.createServer({ key: read("key.pem"), cert: read("crt.pem") }, (request, response) => {
      request.resume().on("end", () => response.end('{"Failed": [{"Id": "0", "Code": "x", "SenderFault": true}]}'));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `https://localhost:${(server.address() as AddressInfo).port}/000000000000/login-queue`;
  });

  after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  });

  for (const transport of transports) {
    test(`is not spoken to over ${transport} when nobody vouches for it`, async () => {
      const queue = openTestQueue(url, "json", transport);
      try {
        await assert.rejects(queue.deleteBatch([{ handle: "h" }]), { code: "queue_unreachable" });
      } finally {
        queue.close();
      }
    });

    test(`is spoken to over ${transport} when an authority does that the process is told of`, { timeout: 60_000 }, async () => {
      const program = `
        const { openTestQueue } = await import(${JSON.stringify(queueFile)});
        const queue = openTestQueue(${JSON.stringify(url)}, "json", ${JSON.stringify(transport)});
        console.log(JSON.stringify(await queue.deleteBatch([{ handle: "h" }])));
        queue.close();`;
      const environment = { ...process.env, NODE_EXTRA_CA_CERTS: path.join(folder, "crt.pem") };
      const { output } = await runToEnd(process.execPath, ["--input-type=module", "-e", program], {
        cwd: folder,
        env: environment,
      });
      assert.deepEqual(JSON.parse(output), [{ place: 0, passing: false }]);
    });
  }
});
