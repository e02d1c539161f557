import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { readMessage } from "../../../src/sources/sqs/message.ts";
import { datasetFile, datasetMissing } from "../../harness/dataset.ts";
import { openTestQueue, transports } from "../../harness/queues.ts";

const neverStops = new AbortController().signal;

/** What an SQS server of before November 2023 says to a request in the JSON protocol (localstack issues 8267, 9610). */
const missingAction = `<?xml version='1.0' encoding='utf-8'?>
<ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error><Code>InternalError</Code><Message>exception while calling sqs with unknown operation: Operation detection failed. Missing Action in request for query-protocol service ServiceModel(sqs).</Message></Error><RequestId>1</RequestId></ErrorResponse>`;

const emptyAnswer = `<?xml version='1.0' encoding='utf-8'?>
<ReceiveMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><ReceiveMessageResult/><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></ReceiveMessageResponse>`;

interface OldServer {
  readonly url: string;
  readonly asked: { json: number; query: number };
  close(): Promise<void>;
}

/** A server that knows only the Query protocol. */
async function startOldServer(answer: string, jsonStatus: number): Promise<OldServer> {
  const asked = { json: 0, query: 0 };
  const server = http.createServer((request, response) => {
    const isJson = request.headers["x-amz-target"] !== undefined;
    asked[isJson ? "json" : "query"] += 1;
    request.resume().on("end", () => {
      response.writeHead(isJson ? jsonStatus : 200, { "content-type": "text/xml" }).end(isJson ? missingAction : answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/000000000000/login-queue`,
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

for (const [transport, status] of transports.flatMap((one) => [500, 400].map((each) => [one, each] as const))) {
  test(`over ${transport} a server that answers JSON with "Missing Action" (HTTP ${status}) is asked in the Query protocol from then on`, async () => {
    const server = await startOldServer(emptyAnswer, status);
    const queue = openTestQueue(server.url, "auto", transport);
    try {
      const ask = (): Promise<unknown> => queue.receive({ limit: 10, waitSeconds: 0, withAttributes: false }, neverStops);
      assert.deepEqual(await ask(), []);
      assert.equal(queue.protocol, "query");
      const jsonBefore = server.asked.json;
      await Promise.all([ask(), ask(), ask()]);
      assert.equal(server.asked.json, jsonBefore, "JSON is not tried again");
      assert.equal(server.asked.query, 4);
    } finally {
      queue.close();
      await server.close();
    }
  });
}

test("protocol: json does not fall back, and says so as an outage of that server", async () => {
  const server = await startOldServer(emptyAnswer, 500);
  const queue = openTestQueue(server.url, "json");
  try {
    await assert.rejects(queue.receive({ limit: 1, waitSeconds: 0, withAttributes: false }, neverStops), {
      code: "queue_unreachable",
    });
    assert.equal(server.asked.query, 0);
  } finally {
    queue.close();
    await server.close();
  }
});

test("the recorded answer of the old queue image is read as it was sent", { skip: datasetMissing }, async () => {
  const recorded = datasetFile("sqs_receive_response.query.xml");
  const server = await startOldServer(recorded, 500);
  const queue = openTestQueue(server.url, "auto");
  try {
    const [message] = await queue.receive({ limit: 10, waitSeconds: 0, withAttributes: false }, neverStops);
    assert.ok(message);
    const received = readMessage(message, 0);
    assert.equal(received.id, /<MessageId>([^<]+)</.exec(recorded)?.[1]);
    assert.equal(received.handle, /<ReceiptHandle>([^<]+)</.exec(recorded)?.[1]);
    assert.equal(createHash("md5").update(received.body).digest("hex"), /<MD5OfBody>([^<]+)</.exec(recorded)?.[1]);
    assert.equal((JSON.parse(received.body) as { ip: string }).ip, "199.172.111.135");
    assert.equal(received.sentAtMs, null, "this answer carries no attributes");
  } finally {
    queue.close();
    await server.close();
  }
});
