import { type RunningSqsServer, sqsServers } from "./sqs-servers.ts";

/** A server that plays AWS KMS, Secrets Manager and SSM. */
export interface KeyServices {
  readonly name: string;
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  start(): Promise<RunningSqsServer>;
}

/** moto plays them beside the queue, at one endpoint. */
export async function keyServices(): Promise<KeyServices> {
  const moto = (await sqsServers()).find(({ name }) => name === "moto");
  if (moto === undefined) throw new Error("moto is not among the servers");
  return moto;
}
