import { MasklineError } from "../errors.ts";
import { listMoves, type Move, sourcesOf, startMove, urlOf } from "../sources/sqs/dead-letters.ts";
import type { Queue, QueueFacts } from "../sources/sqs/queue.ts";
import { openQueue, sqsOf } from "./assemble-source.ts";
import type { Settings } from "./config/load.ts";

/** A dead-letter queue, and the configuration with it in the place of the queue: same pipeline, same table, same keys. */
export interface DeadLetters {
  readonly settings: Settings;
  readonly url: string;
  readonly facts: QueueFacts;
}

/**
 * The dead-letter queue of the configured queue, by its redrive policy; or the one that is asked for.
 * @throws MasklineError `queue_unfit` when there is none, or when it holds what came from other queues too
 */
export async function findDeadLetters(settings: Settings, asked: string | null, stop: AbortSignal): Promise<DeadLetters> {
  const url = asked === null ? await withQueue(settings, (queue) => deadLettersOf(queue, stop)) : requireUrl(settings, asked);
  const drained = withUrl(settings, url);
  return withQueue(drained, async (queue) => {
    const facts = await queue.facts(stop);
    if (asked === null) await requireUnshared(queue);
    return { settings: drained, url, facts };
  });
}

async function deadLettersOf(queue: Queue, stop: AbortSignal): Promise<string> {
  const arn = requirePolicy(await queue.facts(stop), queue);
  try {
    return await urlOf(queue, arn);
  } catch (error) {
    if (!(error instanceof MasklineError) || error.code !== "queue_denied") throw error;
    throw new MasklineError(error.code, error.message, {
      next: "grant sqs:GetQueueUrl on the dead-letter queue, or name it: maskline dlq drain --queue URL",
    });
  }
}

function withUrl(settings: Settings, url: string): Settings {
  return { ...settings, options: { ...settings.options, source: { sqs: { ...sqsOf(settings), queue: url } } } };
}

/** The configuration takes the same form. */
function requireUrl(settings: Settings, url: string): string {
  if (!/^https?:\/\/[^/@]+\/.+/.test(url) || !URL.canParse(url)) {
    throw new MasklineError("usage", "--queue takes the URL of a queue, ending in /ACCOUNT/QUEUE-NAME");
  }
  if (url !== sqsOf(settings).queue) return url;
  throw new MasklineError("usage", "--queue names the queue itself, not its dead-letter queue", { next: "maskline run --drain" });
}

function requirePolicy({ deadLetterQueue }: QueueFacts, queue: Queue): string {
  if (deadLetterQueue !== null) return deadLetterQueue;
  throw new MasklineError("queue_unfit", `the queue has no dead-letter queue: it has no redrive policy (${queue.shown})`, {
    next: "where its dead letters are elsewhere: maskline dlq drain --queue URL",
  });
}

async function requireUnshared(queue: Queue): Promise<void> {
  const sources = await sourcesOf(queue);
  if (sources === null || sources.length < 2) return;
  throw new MasklineError(
    "queue_unfit",
    `the dead-letter queue holds what came from ${sources.length} queues (${sources.join(", ")}): not all of it is this pipeline's`,
    { next: `to take all of it through this pipeline all the same: maskline dlq drain --queue ${queue.shown}` },
  );
}

/** What SQS can move back by itself, and what it is moving or has moved. */
export interface Redrive {
  readonly url: string;
  readonly facts: QueueFacts;
  /** The last one first. */
  readonly moves: readonly Move[];
  /** Starts the move. Answers with its handle, and with the moves as they are then. */
  readonly start: () => Promise<{ readonly handle: string; readonly moves: readonly Move[] }>;
}

/** @throws MasklineError `queue_unfit` when the queue has no dead-letter queue */
export async function openRedrive<T>(settings: Settings, stop: AbortSignal, work: (redrive: Redrive) => Promise<T>): Promise<T> {
  return withQueue(settings, async (queue) => {
    const arn = requirePolicy(await queue.facts(stop), queue);
    const url = await urlOf(queue, arn);
    const facts = await withQueue(withUrl(settings, url), (dead) => dead.facts(stop));
    const moves = await listMoves(queue, arn);
    const start = async (): ReturnType<Redrive["start"]> => {
      requireIdle(moves);
      const handle = await startMove(queue, arn);
      return { handle, moves: await listMoves(queue, arn) };
    };
    return work({ url, facts, moves, start });
  });
}

/** SQS does one at a time for a queue (API reference, StartMessageMoveTask). */
function requireIdle(moves: readonly Move[]): void {
  if (!moves.some(({ status }) => status === "RUNNING")) return;
  throw new MasklineError("queue_unfit", "a move of these dead letters is going on already", {
    next: "wait for it: maskline dlq redrive --dry-run shows how far it is",
  });
}

async function withQueue<T>(settings: Settings, work: (queue: Queue) => Promise<T>): Promise<T> {
  const queue = openQueue(settings);
  try {
    return await work(queue);
  } finally {
    queue.close();
  }
}
