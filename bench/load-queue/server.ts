import net, { type AddressInfo } from "node:net";

import { actions, deleteBatch, type QueueStore } from "./actions.ts";
import type { BacklogPlan } from "./backlog.ts";
import { asciiJson } from "./contents.ts";
import { DelayedWrites } from "./delayed-writes.ts";
import { QueueFault } from "./fault.ts";
import { type Call, HttpConnection } from "./http-connection.ts";
import { readInput, textOf } from "./input.ts";
import { LoadQueue } from "./load-queue.ts";
import { readReceiveWish, type ReceiveWish } from "./receive-wish.ts";

export interface LoadServerOptions {
  /** 0 for any that is free. */
  readonly port: number;
  /** Each answer comes so much later. */
  readonly latencyMs: number;
}

export interface LoadServer {
  readonly endpoint: string;
  /** A queue with a backlog. */
  open(name: string, backlog: BacklogPlan, visibilityMs: number, changed: (queue: LoadQueue) => void): LoadQueue;
  /** Forgets a queue. */
  close(name: string): void;
  stop(): Promise<void>;
}

const account = "000000000000";
const mostQueues = 0xffff;
/** What AWS lets a queue be set to here; other attributes are refused rather than ignored. */
const knownAttributes = new Set(["VisibilityTimeout", "ReceiveMessageWaitTimeSeconds"]);
/** Receives that were read and are kept: a consumer asks the same over and over. */
const keptWishes = 64;

class Server implements QueueStore {
  readonly #queues = new Map<string, LoadQueue>();
  readonly #wishes = new Map<string, { readonly queue: LoadQueue; readonly wish: ReceiveWish }>();
  #opened = 0;
  origin = "";

  create(name: string, attributes: Readonly<Record<string, string>>): LoadQueue {
    for (const attribute of Object.keys(attributes)) {
      if (!knownAttributes.has(attribute)) throw new QueueFault("InvalidAttributeName", `Unknown Attribute ${attribute}.`);
    }
    return (
      this.#queues.get(name) ?? this.open(name, null, Number(attributes["VisibilityTimeout"] ?? 30) * 1_000, () => {}, attributes)
    );
  }

  open(
    name: string,
    backlog: BacklogPlan | null,
    visibilityMs: number,
    changed: (queue: LoadQueue) => void,
    attributes: Readonly<Record<string, string>> = {},
  ): LoadQueue {
    this.#opened = (this.#opened + 1) % mostQueues;
    const queue = new LoadQueue({ name, number: this.#opened, visibilityMs, attributes, backlog, changed });
    this.#queues.set(name, queue);
    return queue;
  }

  forget(name: string): void {
    this.#queues.get(name)?.close();
    this.#queues.delete(name);
    this.#wishes.clear();
  }

  find(url: string): LoadQueue {
    return this.named(url.slice(url.lastIndexOf("/") + 1));
  }

  named(name: string): LoadQueue {
    const queue = this.#queues.get(name);
    if (queue !== undefined) return queue;
    throw new QueueFault("QueueDoesNotExist", "The specified queue does not exist.", "AWS.SimpleQueueService.NonExistentQueue");
  }

  names(): readonly string[] {
    return [...this.#queues.keys()];
  }

  urlOf(name: string): string {
    return `${this.origin}/${account}/${name}`;
  }

  readonly handle = (connection: HttpConnection, call: Call): void => {
    try {
      this.#answer(connection, call);
    } catch (error) {
      if (!(error instanceof QueueFault)) throw error;
      connection.refuse(error);
    }
  };

  #answer(connection: HttpConnection, { target, body }: Call): void {
    switch (target) {
      case "AmazonSQS.ReceiveMessage": {
        const { queue, wish } = this.#wish(body.toString("latin1"));
        queue.receive(connection, wish);
        return;
      }
      case "AmazonSQS.DeleteMessageBatch": {
        const input = readInput(body.toString("latin1"));
        deleteBatch(this.find(textOf(input, "QueueUrl")), input, connection);
        return;
      }
      default: {
        const action = Object.hasOwn(actions, target.slice("AmazonSQS.".length))
          ? actions[target.slice("AmazonSQS.".length)]
          : undefined;
        if (action === undefined) throw new QueueFault("InvalidAction", "This server does not know the action.");
        const input = readInput(body.toString("utf8"));
        connection.answer(asciiJson(action(this, input)));
      }
    }
  }

  #wish(text: string): { readonly queue: LoadQueue; readonly wish: ReceiveWish } {
    let known = this.#wishes.get(text);
    if (known === undefined) {
      const input = readInput(text);
      const queue = this.find(textOf(input, "QueueUrl"));
      const queueWaitMs = Number(queue.options.attributes["ReceiveMessageWaitTimeSeconds"] ?? 0) * 1_000;
      known = { queue, wish: readReceiveWish(input, queueWaitMs) };
      if (this.#wishes.size >= keptWishes) this.#wishes.clear();
      this.#wishes.set(text, known);
    }
    return known;
  }
}

/** Listens on 127.0.0.1 only. */
export async function startLoadServer({ port, latencyMs }: LoadServerOptions): Promise<LoadServer> {
  const server = new Server();
  const writes = new DelayedWrites(latencyMs);
  const sockets = new Set<net.Socket>();
  const listener = net.createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    new HttpConnection(socket, writes, server.handle).listen();
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(port, "127.0.0.1", resolve);
  });
  server.origin = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return {
    endpoint: server.origin,
    open: (name, backlog, visibilityMs, changed) => server.open(name, backlog, visibilityMs, changed),
    close: (name) => server.forget(name),
    stop: async () => {
      for (const name of server.names()) server.forget(name);
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
