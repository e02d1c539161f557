import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";

import { SendMessageCommand } from "@aws-sdk/client-sqs";

import { checkMessages, InvalidChecksum, md5OfAttributes } from "../../../../src/sources/sqs/wire/checksums.ts";
import { type RunningSqsServer, sqsServers } from "../../../engines/sqs-servers.ts";
import { createQueue, openTestQueue } from "../../../harness/queues.ts";

const neverStops = new AbortController().signal;

suite("the checksum of message attributes", () => {
  test("takes the attributes in the order of their names, with names, types and values by length", () => {
    // each length in four bytes, big endian; 1 before a text, 2 before bytes (developer guide); the digest by `printf … | md5sum`
    const name = { DataType: "String", StringValue: "value" };
    const blob = { DataType: "Binary", BinaryValue: "AAH/" };
    const expected = "dae525da95c9b15027eec460da2ea974";
    assert.equal(md5OfAttributes({ name, blob }), expected);
    assert.equal(md5OfAttributes({ blob, name }), expected);
  });

  test("tells a message whose attributes are not what was sent", () => {
    const attributes = { name: { DataType: "String", StringValue: "value" } };
    const message = { Body: "", MD5OfBody: "d41d8cd98f00b204e9800998ecf8427e", MessageAttributes: attributes };
    checkMessages([{ ...message, MD5OfMessageAttributes: md5OfAttributes(attributes) }, message]);
    assert.throws(() => checkMessages([{ ...message, MD5OfMessageAttributes: "00" }]), InvalidChecksum);
  });
});

for (const engine of await sqsServers()) {
  suite(`attributes from ${engine.name}`, { skip: engine.missing ?? engine.lacks?.attributes ?? false }, () => {
    let server: RunningSqsServer;
    before(async () => {
      server = await engine.start();
    });
    after(() => server?.stop());

    test("are what their checksum says", async () => {
      const url = await createQueue(server.endpoint, "attributes");
      const queue = openTestQueue(url, "json");
      try {
        const MessageAttributes = {
          tenant: { DataType: "String", StringValue: "Zürich 😀" },
          "a.number": { DataType: "Number", StringValue: "1.5" },
          bytes: { DataType: "Binary.gif", BinaryValue: Uint8Array.of(0, 1, 254, 255) },
        };
        const command = new SendMessageCommand({ QueueUrl: url, MessageBody: "{}", MessageAttributes });
        await queue.ask("sending", (client) => client.send(command));
        const [message] = await queue.receive({ limit: 10, waitSeconds: 1, withAttributes: true }, neverStops);
        assert.equal(message?.MessageAttributes?.["tenant"]?.StringValue, "Zürich 😀");
        assert.match(message?.MD5OfMessageAttributes ?? "", /^[\da-f]{32}$/);
      } finally {
        queue.close();
      }
    });
  });
}
