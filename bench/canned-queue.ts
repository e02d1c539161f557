import { hash, randomBytes, randomUUID } from "node:crypto";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { loginGenerator } from "../src/demo/sample-login.ts";
import { sampleRandom } from "../src/demo/sample-random.ts";

/**
 * A process that answers as a queue that never runs dry, always with the same ten messages: it costs its client what SQS would, and
 * hardly any time of the machine. It keeps nothing and deletes nothing. Says its port on its output.
 */
const headEnd = "\r\n\r\n";
const nextLogin = loginGenerator(sampleRandom(1));

const messages = Array.from({ length: 10 }, () => {
  const body = JSON.stringify(nextLogin());
  return {
    MessageId: randomUUID(),
    // as long as those of AWS
    ReceiptHandle: randomBytes(264).toString("base64"),
    MD5OfBody: hash("md5", body),
    Body: body,
    Attributes: { SentTimestamp: String(Date.now()), ApproximateReceiveCount: "1" },
  };
});

const received = answer({ Messages: messages });
const deleted = answer({ Successful: messages.map((_, place) => ({ Id: String(place) })) });

function answer(output: object): Buffer {
  const body = JSON.stringify(output);
  const head = [
    "HTTP/1.1 200 OK",
    `x-amzn-RequestId: ${randomUUID()}`,
    `Date: ${new Date().toUTCString()}`,
    "Content-Type: application/x-amz-json-1.0",
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: keep-alive",
  ];
  return Buffer.from(`${head.join("\r\n")}${headEnd}${body}`);
}

function serve(socket: Socket): void {
  let waiting: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on("error", () => {});
  socket.on("data", (chunk: Buffer) => {
    waiting = waiting.length === 0 ? chunk : Buffer.concat([waiting, chunk]);
    for (;;) {
      const end = waiting.indexOf(headEnd);
      if (end === -1) return;
      const head = waiting.toString("latin1", 0, end);
      const length = end + headEnd.length + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (waiting.length < length) return;
      socket.write(head.includes("ReceiveMessage") ? received : deleted);
      waiting = waiting.subarray(length);
    }
  });
}

const server = createServer(serve).listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
