import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

import type { Wire, WireAnswer } from "./json-wire.ts";
import { jsonWire } from "./json-wire.ts";
import { queryWire } from "./query-wire.ts";

/** A request that has been read, and what can be done with it. */
export interface Request {
  readonly wire: Wire;
  readonly origin: string;
  /** Aborted when the connection is closed. */
  readonly gone: AbortSignal;
  answer(answer: WireAnswer): void;
  /** Ends the connection with RST. */
  reset(): void;
}

export interface Listener {
  readonly endpoint: string;
  readonly connections: number;
  resetAll(): void;
  stop(): Promise<void>;
}

/** Listens on a port of its own, on 127.0.0.1 only. While `isDown`, every connection is reset. */
export async function startListener(handle: (request: Request) => void, isDown: () => boolean): Promise<Listener> {
  // idle connections stay: a client that uses one just when it is closed would see a fault that nobody asked for
  const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true });
  const connections = new Map<Socket, AbortController>();
  server.on("connection", (socket: Socket) => {
    const gone = new AbortController();
    connections.set(socket, gone);
    socket.on("close", () => {
      connections.delete(socket);
      gone.abort();
    });
    if (isDown()) socket.resetAndDestroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { socket } = request;
      const gone = connections.get(socket)?.signal ?? AbortSignal.abort();
      handle({
        wire: readWire(request, (chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)).toString()),
        origin: endpoint,
        gone,
        answer: (answer) => write(response, answer),
        reset: () => socket.resetAndDestroy(),
      });
    });
  });
  return {
    endpoint,
    get connections() {
      return connections.size;
    },
    resetAll: () => {
      for (const socket of connections.keys()) socket.resetAndDestroy();
    },
    stop: () => stop(server, connections),
  };
}

function readWire({ headers, url = "/" }: IncomingMessage, body: string): Wire {
  const target = headers["x-amz-target"];
  if (typeof target === "string") return jsonWire(target, body);
  const [path = "/", search = ""] = url.split("?");
  return queryWire(body === "" ? search : body, path);
}

function write(response: ServerResponse, { status, contentType, body, headers }: WireAnswer): void {
  if (response.destroyed) return;
  response.sendDate = false;
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body), ...headers });
  response.end(body);
}

async function stop(server: Server, connections: ReadonlyMap<Socket, AbortController>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of connections.keys()) socket.destroy();
  await closed;
}
