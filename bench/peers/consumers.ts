import { once } from "node:events";

import { SQSClient } from "@aws-sdk/client-sqs";
import { Consumer, type ConsumerOptions } from "sqs-consumer";

import { region, type Task } from "./task.ts";

/** Runs `task.pollers` consumers of `sqs-consumer`, each with its own loop of receive, handle, delete, until `ended`. */
export async function runConsumers(
  task: Task,
  ended: AbortSignal,
  handler: Pick<ConsumerOptions, "handleMessage" | "handleMessageBatch">,
): Promise<void> {
  // named here: a client that finds its endpoint in each queue's URL says so on stderr with every call
  const sqs = new SQSClient({ endpoint: new URL(task.queueUrl).origin, region });
  const consumers = Array.from({ length: task.pollers }, () => {
    const consumer = Consumer.create({
      queueUrl: task.queueUrl,
      sqs,
      batchSize: 10,
      messageSystemAttributeNames: ["SentTimestamp"],
      ...handler,
    });
    const complain = ({ name }: Error): void => {
      // a parked receive is aborted at the end; anything else leaves its message on the queue
      if (!ended.aborted) process.stderr.write(`sqs-consumer: ${name}\n`);
    };
    consumer.on("error", complain).on("processing_error", complain);
    consumer.start();
    return consumer;
  });
  if (!ended.aborted) await once(ended, "abort");
  for (const consumer of consumers) consumer.stop({ abort: true });
  sqs.destroy();
}
