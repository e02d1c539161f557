import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { MasklineError } from "../../../src/errors.ts";
import { queueError } from "../../../src/sources/sqs/errors.ts";
import { Queue, type QueueOptions } from "../../../src/sources/sqs/queue.ts";
import { transports } from "../../harness/queues.ts";
import { fault, startScriptedQueue } from "../../harness/scripted-queue.ts";

const neverStops = new AbortController().signal;
const ask = { limit: 10, waitSeconds: 0, withAttributes: false };

/** Status and code as AWS gives them, and what they are to us. */
const answers: readonly (readonly [number, string, string, RegExp])[] = [
  [403, "ExpiredTokenException", "queue_expired", /expired/],
  [403, "ExpiredToken", "queue_expired", /expired/],
  [400, "RequestExpired", "queue_expired", /expired/],
  [400, "ThrottlingException", "queue_unreachable", /throttled/],
  [400, "RequestThrottled", "queue_unreachable", /throttled/],
  [429, "TooManyRequestsException", "queue_unreachable", /throttled/],
  [400, "OverLimit", "queue_unreachable", /throttled/],
  [400, "KmsThrottled", "queue_unreachable", /throttled/],
  [400, "KmsDisabled", "queue_denied", /encryption key/],
  [400, "KMS.AccessDeniedException", "queue_denied", /refused/],
  [403, "AccessDeniedException", "queue_denied", /refused/],
  [403, "InvalidClientTokenId", "queue_denied", /refused/],
  [400, "QueueDoesNotExist", "queue_missing", /no such queue/],
  [503, "ServiceUnavailable", "queue_unreachable", /does not answer/],
  [400, "InvalidParameterValue", "queue_refused", /refused a request/],
];

for (const [transport, [status, code, expected, text]] of transports.flatMap((one) =>
  answers.map((answer) => [one, answer] as const),
)) {
  test(`${code} (HTTP ${status}) is ${expected}, over ${transport}`, async () => {
    const scripted = await startScriptedQueue({ receive: () => fault(status, code) }, "scripted", transport);
    try {
      await assert.rejects(scripted.queue.receive(ask, neverStops), (error) => {
        assert.ok(error instanceof MasklineError);
        assert.equal(error.code, expected);
        assert.match(error.message, text);
        assert.equal(error.retryable, expected === "queue_expired" || expected === "queue_unreachable");
        return true;
      });
      // one more try inside a call where that may help, and no third: the outage is told to those who hold messages
      assert.ok(scripted.received.length <= 2, `${scripted.received.length} tries`);
    } finally {
      await scripted.close();
    }
  });
}

test("a profile whose session has expired is an outage, one that was never there is not", () => {
  const provider = (message: string): MasklineError =>
    queueError(Object.assign(new Error(message), { name: "CredentialsProviderError" }), "receiving", "http://q");
  assert.equal(provider("The SSO session associated with this profile has expired.").code, "queue_expired");
  assert.equal(provider("Could not load credentials from any providers").code, "queue_denied");
});

interface RawServer {
  readonly queue: Queue;
  close(): Promise<void>;
}

async function startRawServer(
  listener: http.RequestListener,
  timeoutMs: number,
  transport: QueueOptions["transport"],
): Promise<RawServer> {
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => listener(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/000000000000/login-queue`;
  const queue = new Queue({ url, region: "us-east-1", protocol: "json", transport, timeoutMs });
  return {
    queue,
    close: async () => {
      queue.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const head = { "content-type": "application/x-amz-json-1.0" };

for (const transport of transports)
  suite(`an answer, over ${transport}`, () => {
    test("that stops in the middle of its body is an outage, not a hang", { timeout: 30_000 }, async () => {
      const server = await startRawServer(
        (_, response) => {
          response.writeHead(200, { ...head, "content-length": 1_000 }).write('{"Messages": [');
        },
        200,
        transport,
      );
      try {
        const admit = async (length: number | null) => ({ mostBytes: length ?? 0, tooLong: () => {} });
        await assert.rejects(server.queue.receive(ask, neverStops, admit), { code: "queue_unreachable" });
        await assert.rejects(server.queue.receive(ask, neverStops), { code: "queue_unreachable" });
      } finally {
        await server.close();
      }
    });

    test("is not read before it is admitted, and the time it waits for that is not its own", { timeout: 30_000 }, async () => {
      const whole = Buffer.from(JSON.stringify({ Messages: [], padding: "x".repeat(8_000_000) }));
      let sent = 0;
      const server = await startRawServer(
        (_, response) => {
          response.writeHead(200, { ...head, "content-length": whole.length });
          let place = 0;
          const more = (): void => {
            while (place < whole.length) {
              const part = whole.subarray(place, (place += 65_536));
              sent += part.length;
              if (!response.write(part)) return void response.once("drain", more);
            }
            response.end();
          };
          more();
        },
        300,
        transport,
      );
      try {
        let waited = false;
        const answer = await server.queue.receive(ask, neverStops, async (length) => {
          assert.equal(length, whole.length);
          // longer than a call may take
          await new Promise((resolve) => setTimeout(resolve, 600));
          assert.ok(sent < whole.length, "what nobody reads is not sent");
          waited = true;
          return { mostBytes: length ?? 0, tooLong: () => {} };
        });
        assert.deepEqual(answer, []);
        assert.ok(waited);
        assert.equal(sent, whole.length);
      } finally {
        await server.close();
      }
    });

    test("that breaks off while it waits for admission ends its call when that is decided: what is reserved must be given back", async () => {
      const gone = Promise.withResolvers<void>();
      const server = await startRawServer(
        (_, response) => {
          response.writeHead(200, { ...head, "content-length": 1_000 }).write('{"Messages": [');
          void asked.promise.then(() => response.socket?.resetAndDestroy());
          response.on("close", gone.resolve);
        },
        5_000,
        transport,
      );
      const asked = Promise.withResolvers<void>();
      const admission = Promise.withResolvers<{ readonly mostBytes: number; readonly tooLong: () => void }>();
      let isOver = false;
      try {
        const receiving = server.queue.receive(ask, neverStops, () => {
          asked.resolve();
          return admission.promise;
        });
        const ended = receiving.catch((error: unknown) => {
          isOver = true;
          return error;
        });
        await gone.promise;
        for (let turns = 0; turns < 100; turns += 1) await turn();
        assert.equal(isOver, false);
        admission.resolve({ mostBytes: 1_000, tooLong: () => {} });
        // a second try is asked for in the same way, and breaks off too
        assert.equal(((await ended) as MasklineError).code, "queue_unreachable");
      } finally {
        await server.close();
      }
    });

    test("of unknown length that is longer than was reserved for it is given up", async () => {
      const server = await startRawServer(
        (_, response) => {
          response.writeHead(200, head);
          response.end(JSON.stringify({ Messages: [], padding: "x".repeat(100_000) }));
        },
        5_000,
        transport,
      );
      try {
        const told: string[] = [];
        const admit = async (length: number | null) => {
          assert.equal(length, null);
          return { mostBytes: 50_000, tooLong: () => void told.push("too long") };
        };
        await assert.rejects(server.queue.receive(ask, neverStops, admit), { code: "queue_unreachable" });
        assert.ok(told.length > 0);
      } finally {
        await server.close();
      }
    });

    test("nobody waits for any longer ends its call at once", async () => {
      const asked = Promise.withResolvers<void>();
      const server = await startRawServer(() => asked.resolve(), 30_000, transport);
      try {
        const stopping = new AbortController();
        const receiving = server.queue.receive({ ...ask, waitSeconds: 20 }, stopping.signal);
        await asked.promise;
        stopping.abort();
        await assert.rejects(receiving, { code: "interrupted" });
      } finally {
        await server.close();
      }
    });
  });
