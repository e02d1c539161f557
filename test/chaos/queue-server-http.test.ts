import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { after, before, suite, test } from "node:test";

import { startFaultProxy } from "./fault-proxy.ts";
import { type ChaosQueueServer, startChaosQueueServer } from "./queue-server.ts";
import { ask } from "./queue/ask.ts";

suite("the queue server's HTTP", { timeout: 60_000 }, () => {
  let server: ChaosQueueServer;
  let queue: string;
  before(async () => {
    server = await startChaosQueueServer({ seed: 1 });
    queue = server.createQueue("events");
  });
  after(() => server?.stop());

  const sendText = (body: string, headers = ""): string => {
    const content = JSON.stringify({ QueueUrl: queue, MessageBody: body });
    const length = Buffer.byteLength(content);
    return `POST / HTTP/1.1\r\nhost: x\r\nX-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: ${length}\r\n${headers}\r\n${content}`;
  };

  for (const bytes of [1, 5, 977]) {
    test(`understands what comes ${bytes} bytes at a time`, async () => {
      server.createQueue("pieces");
      const proxy = await startFaultProxy({
        target: { host: "127.0.0.1", port: Number(new URL(server.endpoint).port) },
        seed: 1,
        protocol: "tcp",
      });
      try {
        proxy.set({ slice: { bytes, pauseMs: 0 } });
        const body = "ß日本𝄞".repeat(bytes * 10);
        for (let attempt = 0; attempt < 2; attempt += 1) {
          const input = { QueueUrl: "pieces", MessageBody: body };
          assert.equal((await ask(`http://127.0.0.1:${proxy.port}`, "SendMessage", input)).status, 200);
        }
        assert.equal(server.messages("pieces").at(-1)?.body, body);
      } finally {
        await proxy.stop();
      }
    });
  }

  test("answers requests on one connection in their order, and ends it where that is asked for", async () => {
    const before = server.messages(queue).length;
    const socket = net.connect(Number(new URL(server.endpoint).port), "127.0.0.1");
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    socket.write(sendText("first") + sendText("second") + sendText("third", "Connection: close\r\n"));
    await once(socket, "end");
    const sent = server.messages(queue).slice(before);
    assert.deepEqual(
      sent.map(({ body }) => body),
      ["first", "second", "third"],
    );
    assert.deepEqual(
      [...text.matchAll(/"MessageId":"([^"]+)"/g)].map(([, id]) => id),
      sent.map(({ id }) => id),
    );
  });

  test("says Continue to a client that waits for it", async () => {
    const content = JSON.stringify({ QueueUrl: queue, MessageBody: "expected" });
    const request = http.request(server.endpoint, {
      method: "POST",
      headers: { "x-amz-target": "AmazonSQS.SendMessage", "content-length": content.length, expect: "100-continue" },
    });
    request.on("continue", () => void request.end(content));
    request.flushHeaders();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.resume();
    assert.equal(response.statusCode, 200);
    request.destroy();
  });

  test("drops a connection that never comes to a request", async () => {
    const socket = net.connect(Number(new URL(server.endpoint).port), "127.0.0.1");
    socket.on("error", () => {});
    socket.write("x".repeat(100_000));
    await new Promise((resolve) => socket.on("close", resolve));
  });
});
