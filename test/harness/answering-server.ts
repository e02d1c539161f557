import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AnsweringServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** A server on loopback that gives the answers of a test: those that the real one cannot be brought to give. */
export async function startAnsweringServer(
  answer: (request: IncomingMessage, body: Buffer) => Answer | Promise<Answer>,
): Promise<AnsweringServer> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void Promise.resolve(answer(request, Buffer.concat(chunks))).then(({ status, body, headers }) => {
        const length = { "content-length": Buffer.byteLength(body) };
        response.writeHead(status, { "content-type": "application/x-amz-json-1.1", ...length, ...headers });
        response.end(body);
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a proxy does beside passing calls on. */
export interface ProxyParts {
  /** Before a call is passed on; `action` is what is asked for, like "PutParameter". */
  readonly before?: (action: string) => Promise<void>;
  /** What good answers become. */
  readonly change?: (answer: Record<string, unknown>) => Record<string, unknown>;
}

/** Stands before another server of AWS's JSON protocol. */
export async function startProxy(target: string, { before, change }: ProxyParts): Promise<AnsweringServer> {
  return startAnsweringServer(async ({ headers }, body) => {
    await before?.(String(headers["x-amz-target"]).split(".")[1] ?? "");
    const kept = Object.entries(headers).filter(([name]) => /^(authorization|content-type|x-amz-)/.test(name));
    const response = await fetch(target, {
      method: "POST",
      headers: kept.map(([name, value]): [string, string] => [name, String(value)]),
      body: new Uint8Array(body),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    return { status: response.status, body: JSON.stringify(response.ok ? (change?.(answer) ?? answer) : answer) };
  });
}
