import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

/** Sends one message with an attribute beside its body. */
export async function sendWithAttribute(queueUrl: string, name: string, value: string, body: string): Promise<void> {
  const client = new SQSClient({
    endpoint: new URL(queueUrl).origin,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    const attributes = { [name]: { DataType: "String", StringValue: value } };
    await client.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, MessageAttributes: attributes }));
  } finally {
    client.destroy();
  }
}
