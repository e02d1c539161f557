import {
  GetQueueUrlCommand,
  ListDeadLetterSourceQueuesCommand,
  ListMessageMoveTasksCommand,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";

import { codeName } from "../../aws/sdk-error.ts";
import { type ErrorCode, MasklineError } from "../../errors.ts";
import type { Queue } from "./queue.ts";
import { readQueueArn } from "./redrive-policy.ts";

/** The URL of a queue that is known by its ARN, at the endpoint of `queue`: a dead-letter queue is in its queue's region and account. */
export async function urlOf(queue: Queue, arn: string): Promise<string> {
  const { account, name } = readQueueArn(arn);
  const command = new GetQueueUrlCommand({
    QueueName: name,
    ...(/^\d{12}$/.test(account) ? { QueueOwnerAWSAccountId: account } : {}),
  });
  const { QueueUrl: url = "" } = await queue.ask(`looking for queue ${name}`, (client) => client.send(command));
  if (!URL.canParse(url))
    throw new MasklineError("queue_refused", `the server did not say where queue ${name} is (${queue.shown})`);
  // a server may name itself by a host this machine does not know, and an endpoint of one's own network is kept: the path is what counts
  return new URL(new URL(url).pathname, queue.shown).href;
}

/** The names of the queues that send their dead letters to this one; null where the server does not say (the call, or the right, is missing). */
export async function sourcesOf(queue: Queue): Promise<readonly string[] | null> {
  const command = new ListDeadLetterSourceQueuesCommand({ QueueUrl: queue.shown });
  try {
    const { queueUrls = [] } = await queue.ask("asking whose dead letters these are", (client) => client.send(command));
    return queueUrls.map((url) => url.slice(url.lastIndexOf("/") + 1));
  } catch (error) {
    if (error instanceof MasklineError && !error.retryable) return null;
    throw error;
  }
}

/** A move of messages out of a dead-letter queue, which SQS does by itself. Counts are approximate. */
export interface Move {
  /** RUNNING, COMPLETED, CANCELLING, CANCELLED or FAILED. */
  readonly status: string;
  /** What `aws sqs cancel-message-move-task` wants; only while it is running. */
  readonly handle: string | null;
  readonly moved: number;
  readonly toMove: number | null;
  /** SQS's own word, of a failed one. */
  readonly failure: string | null;
}

/** The newest moves out of a dead-letter queue, the last one first. */
export async function listMoves(queue: Queue, deadLetterArn: string): Promise<readonly Move[]> {
  const command = new ListMessageMoveTasksCommand({ SourceArn: deadLetterArn, MaxResults: 10 });
  const { Results: results = [] } = await queue
    .ask("asking for moves out of the dead-letter queue", (client) => client.send(command))
    .catch(explain);
  return results.map((entry) => ({
    status: codeName(entry.Status),
    handle: entry.TaskHandle ?? null,
    moved: entry.ApproximateNumberOfMessagesMoved ?? 0,
    toMove: entry.ApproximateNumberOfMessagesToMove ?? null,
    failure: entry.FailureReason === undefined ? null : codeName(entry.FailureReason),
  }));
}

/**
 * Starts to move all messages of a dead-letter queue back to the queues they came from. No destination is named: a dead-letter queue that
 * several queues share would put the messages of all into one.
 * @returns the handle of the move
 */
export async function startMove(queue: Queue, deadLetterArn: string): Promise<string> {
  const command = new StartMessageMoveTaskCommand({ SourceArn: deadLetterArn });
  const { TaskHandle: handle = "" } = await queue
    .ask("starting to move the dead letters", (client) => client.send(command))
    .catch(explain);
  return handle;
}

/** A move wants other rights than a run, on both queues (Amazon SQS developer guide, "Configure a dead-letter queue redrive"). */
const nextByCode: Readonly<Partial<Record<ErrorCode, string>>> = {
  queue_denied:
    "needed: sqs:StartMessageMoveTask, ListMessageMoveTasks, ReceiveMessage, DeleteMessage, GetQueueAttributes on the dead-letter queue, sqs:SendMessage on the queue; or maskline dlq drain, which needs less",
  queue_refused: "a server that is not AWS may not have this call; maskline dlq drain does without it",
};

function explain(error: unknown): never {
  const next = error instanceof MasklineError ? nextByCode[error.code] : undefined;
  if (!(error instanceof MasklineError) || next === undefined) throw error;
  throw new MasklineError(error.code, error.message, { next });
}
