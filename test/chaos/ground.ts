import type { PostgresOptions } from "../../src/demo/postgres-server.ts";
import { openWorkspace, type Workspace } from "../harness/workspace.ts";
import { type ChaosQueueServer, startChaosQueueServer } from "./queue-server.ts";
import { type RestartingPostgres, startRestartingPostgres } from "./restarting-postgres.ts";
import type { Bench } from "./scenario.ts";

/** More than any message here is handed out: what ends as a dead letter is put there. */
const maxReceiveCount = 1_000;

/** The name or URL of a queue's dead-letter queue. */
export function deadLettersOf(queue: string): string {
  return `${queue}-dead`;
}

/** Servers without seats, for scenarios with tables and contracts of their own. Everything of it ends with the scenario. */
export interface Ground {
  readonly queues: ChaosQueueServer;
  readonly postgres: RestartingPostgres;
  /** @param options of openWorkspace */
  open(options?: Parameters<typeof openWorkspace>[1]): Promise<Workspace>;
}

export async function openGround(bench: Bench, options: PostgresOptions = {}): Promise<Ground> {
  const queues = await startChaosQueueServer({ seed: bench.random.word() });
  bench.defer(() => queues.stop());
  const postgres = await startRestartingPostgres(options);
  bench.defer(() => postgres.stop());
  const createQueue = async (name: string, attributes: Readonly<Record<string, string>> = {}): Promise<string> => {
    queues.createQueue(deadLettersOf(name));
    const deadLetterTargetArn = `arn:aws:sqs:us-east-1:000000000000:${deadLettersOf(name)}`;
    const policy = { RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount }) };
    return new URL(queues.createQueue(name, { ...policy, ...attributes }), queues.endpoint).href;
  };
  return {
    queues,
    postgres,
    open: async (workspace) => {
      const place = await openWorkspace({ postgres, queues: { createQueue } }, workspace);
      bench.defer(() => place.close());
      return place;
    },
  };
}
