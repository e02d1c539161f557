import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";

import type { Queue } from "../../../../src/sources/sqs/queue.ts";
import { type Answer, type AnsweringServer, startAnsweringServer } from "../../../harness/answering-server.ts";
import { openTestQueue, transports } from "../../../harness/queues.ts";

const neverStops = new AbortController().signal;
const ask = { limit: 10, waitSeconds: 0, withAttributes: false };
const grip = { handle: "h" };

const good: Answer = { status: 200, body: "{}" };
const bad = (status: number, code: string): Answer => ({ status, body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}` }) });

/** How often the SDK tries a call at two attempts, by what it is answered. */
const tries: readonly (readonly [number, string, number])[] = [
  [500, "InternalFailure", 2],
  [501, "NotImplemented", 1],
  [502, "BadGateway", 2],
  [503, "ServiceUnavailable", 2],
  [504, "GatewayTimeout", 2],
  [429, "Whatever", 2],
  [400, "ThrottlingException", 2],
  [400, "RequestThrottled", 2],
  [400, "RequestTimeout", 2],
  [400, "KmsThrottled", 1],
  [400, "OverLimit", 1],
  [400, "InvalidParameterValue", 1],
  [403, "AccessDeniedException", 1],
  [403, "ExpiredTokenException", 1],
];

for (const transport of transports) {
  const withServer = async (
    answer: Parameters<typeof startAnsweringServer>[0],
    body: (queue: Queue) => Promise<void>,
  ): Promise<void> => {
    const server: AnsweringServer = await startAnsweringServer(answer);
    const queue = openTestQueue(`${server.endpoint}/000000000000/login-queue`, "json", transport);
    try {
      await body(queue);
    } finally {
      queue.close();
      await server.stop();
    }
  };

  suite(`a call over ${transport}`, () => {
    for (const [status, code, expected] of tries) {
      test(`is tried ${expected === 1 ? "once" : "twice"} when it is answered ${code} (HTTP ${status})`, async () => {
        let asked = 0;
        const answer = (): Answer => {
          asked += 1;
          return bad(status, code);
        };
        await withServer(answer, async (queue) => {
          await assert.rejects(queue.deleteBatch([grip]));
          assert.equal(asked, expected);
        });
      });
    }

    test("whose second try is answered well has gone well, and was signed anew", async () => {
      const signatures: (string | undefined)[] = [];
      const answer: Parameters<typeof startAnsweringServer>[0] = ({ headers }) => {
        signatures.push(headers.authorization);
        return signatures.length === 1 ? bad(503, "ServiceUnavailable") : good;
      };
      await withServer(answer, async (queue) => {
        assert.deepEqual(await queue.receive(ask, neverStops), []);
        assert.equal(signatures.length, 2);
        assert.ok(signatures.every((one) => one?.startsWith("AWS4-HMAC-SHA256 Credential=")));
      });
    });

    test("is tried once while everything fails", { timeout: 60_000 }, async () => {
      let asked = 0;
      const answer = (): Answer => {
        asked += 1;
        return bad(503, "ServiceUnavailable");
      };
      await withServer(answer, async (queue) => {
        const calls = await Promise.allSettled(Array.from({ length: 60 }, () => queue.deleteBatch([grip])));
        assert.ok(calls.every(({ status }) => status === "rejected"));
        // a budget of 500, 14 a second try (@smithy/core 3.41, retries of 2026)
        assert.equal(asked, 60 + 35);
      });
    });

    test("is signed with the server's time where the clock here is off", async () => {
      const aheadMs = 3_600_000;
      let asked = 0;
      const answer: Parameters<typeof startAnsweringServer>[0] = ({ headers }) => {
        asked += 1;
        const now = Date.now() + aheadMs;
        const date = new Date(now).toUTCString();
        const isInTime = Math.abs(signedAt(String(headers["x-amz-date"])) - now) < 300_000;
        return { ...(isInTime ? good : bad(400, "RequestTimeTooSkewed")), headers: { date } };
      };
      await withServer(answer, async (queue) => {
        await queue.deleteBatch([grip]);
        assert.equal(asked, 2, "corrected, and tried once more");
        await queue.deleteBatch([grip]);
        assert.equal(asked, 3, "and right from then on");
      });
    });

    test("takes no message whose body is not what its checksum says", async () => {
      const message = { MessageId: "m", ReceiptHandle: "h", Body: "{}" };
      const answers = [hash("md5", "{}"), hash("md5", "{} "), undefined];
      let asked = 0;
      const answer = (): Answer => {
        const MD5OfBody = answers[(asked += 1) - 1];
        return { status: 200, body: JSON.stringify({ Messages: [{ ...message, MD5OfBody }] }) };
      };
      await withServer(answer, async (queue) => {
        assert.equal((await queue.receive(ask, neverStops)).length, 1);
        for (let call = 0; call < 2; call += 1) {
          await assert.rejects(queue.receive(ask, neverStops), { code: "queue_unreachable", retryable: true });
        }
      });
    });

    test("is tried again on another connection when its kept one is closed by the other side", { timeout: 30_000 }, async () => {
      const server = await startRawServer((socket, requests) => {
        if (requests === 1) socket.write(answerOf("{}"));
        else socket.destroy();
      });
      const queue = openTestQueue(server.url, "json", transport);
      try {
        for (let call = 0; call < 4; call += 1) assert.deepEqual(await queue.deleteBatch([grip]), []);
        assert.ok(server.connections() >= 4);
      } finally {
        queue.close();
        await server.close();
      }
    });

    test("is read whole, in whatever pieces its answer comes", { timeout: 30_000 }, async () => {
      const body = "日本語 ß 😀 \u0000 x".repeat(2_000);
      const message = { MessageId: "m", ReceiptHandle: "h", Body: body, MD5OfBody: hash("md5", body) };
      const text = Buffer.from(JSON.stringify({ Messages: [message] }));
      const server = await startRawServer((socket) => {
        socket.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        for (let place = 0; place < text.length; place += 1_001) {
          const piece = text.subarray(place, place + 1_001);
          socket.write(`${piece.length.toString(16)}\r\n`);
          socket.write(piece);
          socket.write("\r\n");
        }
        socket.write("0\r\n\r\n");
      });
      const queue = openTestQueue(server.url, "json", transport);
      try {
        for (let call = 0; call < 6; call += 1) {
          const [received] = await queue.receive(ask, neverStops);
          assert.equal(received?.Body, body);
        }
        assert.ok(server.connections() <= 2, "connections are kept");
      } finally {
        queue.close();
        await server.close();
      }
    });

    test("asks for a FIFO queue's messages under one attempt's name for both tries", async () => {
      const names: unknown[] = [];
      const server = await startAnsweringServer((_, body) => {
        names.push((JSON.parse(body.toString()) as Record<string, unknown>)["ReceiveRequestAttemptId"]);
        return names.length === 1 ? bad(503, "ServiceUnavailable") : good;
      });
      const queue = openTestQueue(`${server.endpoint}/000000000000/logins.fifo`, "json", transport);
      try {
        await queue.receive(ask, neverStops);
        assert.equal(names.length, 2);
        assert.equal(typeof names[0], "string");
        assert.equal(names[0], names[1]);
        await queue.receive(ask, neverStops);
        assert.notEqual(names[2], names[0]);
      } finally {
        queue.close();
        await server.stop();
      }
    });
  });
}

test("a lean call says its error by the header for older clients where the body does not", async () => {
  const server = await startAnsweringServer(() => ({
    status: 400,
    body: "{}",
    headers: { "x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender" },
  }));
  const queue = openTestQueue(`${server.endpoint}/000000000000/login-queue`, "json", "lean");
  try {
    await assert.rejects(queue.facts(), { code: "queue_missing" });
  } finally {
    queue.close();
    await server.stop();
  }
});

test("a lean call is signed anew when a clock that was off is set right", async () => {
  let aheadMs = 3_600_000;
  let asked = 0;
  const server = await startAnsweringServer(({ headers }) => {
    asked += 1;
    const now = Date.now() + aheadMs;
    const isInTime = Math.abs(signedAt(String(headers["x-amz-date"])) - now) < 300_000;
    return { ...(isInTime ? good : bad(403, "SignatureDoesNotMatch")), headers: { date: new Date(now).toUTCString() } };
  });
  const queue = openTestQueue(`${server.endpoint}/000000000000/login-queue`, "json", "lean");
  try {
    await queue.deleteBatch([grip]);
    aheadMs = 0;
    // several at once: each was signed with the old time
    await Promise.all([queue.deleteBatch([grip]), queue.deleteBatch([grip]), queue.deleteBatch([grip])]);
    assert.equal(asked, 2 + 6);
  } finally {
    queue.close();
    await server.stop();
  }
});

/** `20150830T123600Z` */
function signedAt(date: string): number {
  return Date.parse(date.replace(/^(....)(..)(..T..)(..)(..)/, "$1-$2-$3:$4:$5"));
}

function answerOf(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

interface RawServer {
  readonly url: string;
  connections(): number;
  close(): Promise<void>;
}

/** Answers as it is told to, byte for byte. `requests` counts those of this connection. */
async function startRawServer(answer: (socket: Socket, requests: number) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let [requests, waiting] = [0, ""];
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      waiting += chunk.toString("latin1");
      const end = waiting.indexOf("\r\n\r\n");
      const length = end + 4 + Number(/content-length: (\d+)/i.exec(waiting)?.[1] ?? 0);
      if (end === -1 || waiting.length < length) return;
      waiting = waiting.slice(length);
      answer(socket, (requests += 1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/000000000000/login-queue`,
    connections: () => sockets.size,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
