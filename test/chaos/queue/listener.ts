import net, { type AddressInfo } from "node:net";

import { HttpConnection } from "./http-connection.ts";
import { jsonWire, type Wire, type WireAnswer } from "./json-wire.ts";
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

/** Listens on a port of its own, on 127.0.0.1 only. While `isDown`, every connection is reset. Idle connections stay. */
export async function startListener(handle: (request: Request) => void, isDown: () => boolean): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  let origin = "";
  const server = net.createServer({ noDelay: true }, (socket) => {
    const gone = new AbortController();
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      gone.abort();
    });
    if (isDown()) {
      socket.resetAndDestroy();
      return;
    }
    const reset = (): void => void socket.resetAndDestroy();
    const answer = (given: WireAnswer): void => connection.answer(given);
    const connection: HttpConnection = new HttpConnection(socket, ({ path, target, body }) => {
      const wire = target === null ? queryOf(path, body) : jsonWire(target, body);
      handle({ wire, origin, gone: gone.signal, answer, reset });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoint: origin,
    get connections() {
      return sockets.size;
    },
    resetAll: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function queryOf(url: string, body: string): Wire {
  const [path = "/", search = ""] = url.split("?");
  return queryWire(body === "" ? search : body, path);
}
