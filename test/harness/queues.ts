import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { AwsQueryProtocol } from "@aws-sdk/core/protocols";

import { systemClock } from "../../src/app/system-clock.ts";
import type { Report } from "../../src/pipeline/report.ts";
import { DrainRule } from "../../src/sources/sqs/drain-rule.ts";
import { Queue, type QueueOptions } from "../../src/sources/sqs/queue.ts";
import { SqsSource, type SqsSourceOptions } from "../../src/sources/sqs/source.ts";

/** Makes a queue on a test server and answers with its URL. */
export async function createQueue(
  endpoint: string,
  name: string,
  attributes: Record<string, string> = {},
  protocol: "json" | "query" = "json",
): Promise<string> {
  const client = testClient(endpoint, protocol);
  try {
    const answer = await client.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
    const url = new URL(answer.QueueUrl ?? "");
    // a server may name itself by a host this machine does not know; the path is what counts
    return new URL(url.pathname, endpoint).href;
  } finally {
    client.destroy();
  }
}

/** Sends to a FIFO queue, one after the other. */
export async function sendToGroup(
  url: string,
  groupId: string,
  bodies: readonly string[],
  protocol: "json" | "query" = "json",
): Promise<void> {
  const client = testClient(new URL(url).origin, protocol);
  try {
    for (const [place, body] of bodies.entries()) {
      const MessageDeduplicationId = `${groupId}-${place}`;
      await client.send(
        new SendMessageCommand({ QueueUrl: url, MessageBody: body, MessageGroupId: groupId, MessageDeduplicationId }),
      );
    }
  } finally {
    client.destroy();
  }
}

function testClient(endpoint: string, protocol: "json" | "query"): SQSClient {
  return new SQSClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    ...(protocol === "query" ? { protocol: AwsQueryProtocol } : {}),
  });
}

/** The queue attribute RedrivePolicy of a queue whose dead letters go to the other one. */
export async function deadLettersTo(
  deadUrl: string,
  maxReceiveCount: number,
  protocol: "json" | "query" = "json",
): Promise<{ readonly RedrivePolicy: string }> {
  const dead = openTestQueue(deadUrl, protocol);
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ["QueueArn"] });
    const { Attributes: found } = await dead.ask("asking for an ARN", (client) => client.send(command));
    return { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: found?.QueueArn, maxReceiveCount }) };
  } finally {
    dead.close();
  }
}

/** Changes a queue that is there already. */
export async function setAttributes(url: string, attributes: Record<string, string>): Promise<void> {
  const queue = openTestQueue(url, "json");
  try {
    const command = new SetQueueAttributesCommand({ QueueUrl: url, Attributes: attributes });
    await queue.ask("setting attributes", (client) => client.send(command));
  } finally {
    queue.close();
  }
}

/** What must not make a difference. */
export const transports = ["lean", "sdk"] as const;

export function openTestQueue(
  url: string,
  protocol: QueueOptions["protocol"],
  transport: QueueOptions["transport"] = "lean",
): Queue {
  return new Queue({ url, region: "us-east-1", protocol, transport, timeoutMs: 30_000 });
}

export function sqsSource(queue: Queue, options: Partial<SqsSourceOptions> = {}, report: Report = () => {}): SqsSource {
  return new SqsSource(
    queue,
    {
      facts: { visibilityTimeoutMs: 30_000, maximumMessageBytes: 1_048_576 },
      parallelCalls: 4,
      waitSeconds: 1,
      batchBytes: 16_777_216,
      heldBytes: 33_554_432,
      holdMs: 120_000,
      lingerMs: 300,
      withAttributes: true,
      drain: null,
      ...options,
    },
    systemClock,
    report,
  );
}

export async function drainingAfter(queue: Queue, idleMs: number | null): Promise<DrainRule> {
  return new DrainRule(await queue.facts(), idleMs, systemClock.elapsed());
}
