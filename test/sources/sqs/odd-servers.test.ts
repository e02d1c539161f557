import assert from "node:assert/strict";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { suite, test } from "node:test";

import type { Clock } from "../../../src/pipeline/clock.ts";
import { readMessage } from "../../../src/sources/sqs/message.ts";
import { Queue, type QueueOptions } from "../../../src/sources/sqs/queue.ts";
import { SqsSource, type SqsSourceOptions } from "../../../src/sources/sqs/source.ts";
import { transports } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;

const options: SqsSourceOptions = {
  facts: { visibilityTimeoutMs: 30_000, maximumMessageBytes: 1_048_576 },
  parallelCalls: 16,
  waitSeconds: 1,
  batchBytes: 1_000_000,
  heldBytes: 33_554_432,
  holdMs: 120_000,
  lingerMs: 100,
  withAttributes: false,
  drain: null,
};

interface OddServer {
  readonly url: string;
  close(): Promise<void>;
}

async function startOddServer(answer: http.RequestListener): Promise<OddServer> {
  const server = http.createServer((request, response) => {
    request.resume().on("end", () => answer(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/000000000000/login-queue`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function queueAt({ url }: OddServer, timeoutMs: number, transport: QueueOptions["transport"]): Queue {
  return new Queue({ url, region: "us-east-1", protocol: "json", transport, timeoutMs });
}

function json(response: http.ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.0" }).end(JSON.stringify(body));
}

for (const transport of transports)
  suite(`a server that is not as it should be, over ${transport}`, () => {
    test("that never answers is an outage, not a hang", { timeout: 30_000 }, async () => {
      const server = await startOddServer(() => {});
      const queue = queueAt(server, 100, transport);
      try {
        await assert.rejects(queue.facts(), { code: "queue_unreachable", retryable: true });
        const grip = { handle: "h" };
        await assert.rejects(queue.deleteBatch([grip]), { code: "queue_unreachable" });
      } finally {
        queue.close();
        await server.close();
      }
    });

    test("that never answers does not keep a start from being stopped", { timeout: 30_000 }, async () => {
      const server = await startOddServer(() => {});
      const queue = queueAt(server, 25_000, transport);
      const stopping = new AbortController();
      try {
        const asking = queue.facts(stopping.signal);
        stopping.abort();
        await assert.rejects(asking);
      } finally {
        queue.close();
        await server.close();
      }
    });

    test("whose error says more than a code is not quoted", async () => {
      const server = await startOddServer((_, response) =>
        json(response, 400, { __type: "com.amazonaws.sqs#\u001b[31mcanary-192.0.2.77\nforged line", message: "canary" }),
      );
      const queue = queueAt(server, 5_000, transport);
      try {
        await assert.rejects(queue.facts(), (error: Error) => {
          assert.doesNotMatch(`${error.message} ${JSON.stringify(error)}`, /canary|forged/);
          return true;
        });
      } finally {
        queue.close();
        await server.close();
      }
    });

    test("that does not keep a long poll waiting is not asked without a pause", async () => {
      let asked = 0;
      const server = await startOddServer((_, response) => {
        asked += 1;
        json(response, 200, {});
      });
      const queue = queueAt(server, 5_000, transport);
      const pausesMs: number[] = [];
      const clock: Clock = {
        now: () => 0,
        elapsed: () => 0,
        random: () => 0,
        sleep: async (delayMs) => void pausesMs.push(delayMs),
      };
      const source = new SqsSource(queue, { ...options, waitSeconds: 20 }, clock, () => {});
      try {
        for (let call = 0; call < 3; call += 1) assert.deepEqual(await source.receive(10, neverStops), []);
        assert.equal(asked, 3);
        assert.equal(pausesMs.filter((ms) => ms === 500).length, 3);
      } finally {
        await source.close();
        await server.close();
      }
    });

    test("that hands out a message without an id is refused: it could not be told from others, nor deleted", () => {
      for (const message of [
        { Body: "{}", ReceiptHandle: "h" },
        { Body: "{}", MessageId: "", ReceiptHandle: "h" },
        { Body: "{}", MessageId: "m" },
      ]) {
        assert.throws(() => readMessage(message, 0), { code: "queue_refused" });
      }
    });
  });
