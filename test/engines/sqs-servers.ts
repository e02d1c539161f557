import path from "node:path";

import { startLoadServer } from "../../bench/load-queue/server.ts";
import { freeLoopbackPort } from "../../src/demo/process.ts";
import { startQueueServer } from "../../src/demo/queue-server.ts";
import { startChaosQueueServer } from "../chaos/queue-server.ts";
import { enginesFolder, isInstalled, notInstalled, startEngine, whyNotRunnable } from "./engine-process.ts";

export type SqsProtocol = "json" | "query";

export interface RunningSqsServer {
  /** On 127.0.0.1; takes any credentials. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** An SQS server the tests can run against, and the protocols it speaks. */
export interface SqsServer {
  readonly name: string;
  readonly protocols: readonly SqsProtocol[];
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  /** What it does not do, or not as SQS does, with the reason. */
  readonly lacks?: Partial<Record<"groups" | "deadLetters" | "attributes", string>>;
  start(): Promise<RunningSqsServer>;
}

/** Every SQS server the tests know, those that cannot run here included: a skip has to say why. */
export async function sqsServers(): Promise<readonly SqsServer[]> {
  return [fauxqs, moto(), elasticmq(), ours, forLoad];
}

const fauxqs: SqsServer = {
  name: "fauxqs",
  protocols: ["json"],
  missing: null,
  start: startQueueServer,
};

/** The test bench's own. It must pass for a real one before what it finds means anything. */
const ours: SqsServer = {
  name: "our own",
  protocols: ["json", "query"],
  missing: null,
  start: () => startChaosQueueServer({ seed: 1 }),
};

const onlyWhatABenchmarkNeeds = "the server for load has only what a benchmark needs";

/** The benchmark's: fast, and so little else. */
const forLoad: SqsServer = {
  name: "the server for load",
  protocols: ["json"],
  missing: null,
  lacks: { groups: onlyWhatABenchmarkNeeds, deadLetters: onlyWhatABenchmarkNeeds, attributes: onlyWhatABenchmarkNeeds },
  start: () => startLoadServer({ port: 0, latencyMs: 0 }),
};

function moto(): SqsServer {
  const python = path.join(enginesFolder, "moto", "bin", "python");
  return {
    name: "moto",
    protocols: ["json", "query"],
    missing: isInstalled("moto") ? whyNotRunnable(python) : notInstalled("moto"),
    lacks: { groups: "moto hands one group to several receives at once" },
    start: () => startOverHttp(python, (port) => ["-m", "moto.server", "-H", "127.0.0.1", "-p", String(port)]),
  };
}

function elasticmq(): SqsServer {
  const jars = path.join(enginesFolder, "elasticmq", "jars");
  return {
    name: "elasticmq",
    protocols: ["json", "query"],
    missing: isInstalled("elasticmq") ? null : notInstalled("elasticmq"),
    start: () =>
      startOverHttp("java", (port) => [
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Dnode-address.host=127.0.0.1",
        `-Dnode-address.port=${port}`,
        "-Drest-sqs.bind-hostname=127.0.0.1",
        `-Drest-sqs.bind-port=${port}`,
        "-Drest-stats.enabled=false",
        "-cp",
        path.join(jars, "*"),
        "org.elasticmq.server.Main",
      ]),
  };
}

async function startOverHttp(program: string, args: (port: number) => readonly string[]): Promise<RunningSqsServer> {
  const port = await freeLoopbackPort();
  const endpoint = `http://127.0.0.1:${port}`;
  const answers = async (): Promise<boolean> => {
    try {
      await (await fetch(endpoint)).arrayBuffer();
      return true;
    } catch {
      return false;
    }
  };
  const engine = await startEngine({ program, args: args(port), ready: answers });
  return { endpoint, stop: () => engine.stop() };
}
