import { localAccess } from "../../aws/local-server.ts";
import { MasklineError } from "../../errors.ts";

/** Where a service of AWS is asked, as `keyring` says it. Credentials come from the SDK's own chain, never from there. */
export interface AwsPlace {
  /** Null: that of the name where it has one, then that of the environment. */
  readonly region: string | null;
  /** Null: AWS itself, or what the environment says (AWS_ENDPOINT_URL). */
  readonly endpoint: string | null;
}

const connectionTimeoutMs = 3_000;
const requestTimeoutMs = 10_000;

/** What every client of the SDK takes. */
export interface AwsClientConfig {
  region?: string;
  endpoint?: string;
  credentials?: { accessKeyId: string; secretAccessKey: string };
  requestHandler: { connectionTimeout: number; requestTimeout: number; throwOnRequestTimeout: boolean };
}

/** @param name an ARN says its region; any other name does not */
export function awsClientConfig({ region, endpoint }: AwsPlace, name: string): AwsClientConfig {
  const config: AwsClientConfig = {
    requestHandler: { connectionTimeout: connectionTimeoutMs, requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true },
  };
  const known = region ?? regionOf(name);
  if (known !== null) config.region = known;
  if (endpoint === null) return config;
  config.endpoint = endpoint;
  const local = localAccess(new URL(endpoint), process.env);
  if (local !== null) {
    config.credentials = { ...local.credentials };
    config.region ??= local.region;
  }
  return config;
}

/** arn:aws:kms:eu-west-1:... */
function regionOf(name: string): string | null {
  return /^arn:aws[a-z-]*:[a-z]+:([a-z0-9-]+):/.exec(name)?.[1] ?? null;
}

/** An optional package, or what to install. */
export async function loadSdk<Sdk>(name: string, load: () => Promise<Sdk>, needing: string = "the key ring"): Promise<Sdk> {
  try {
    return await load();
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, "code") : null;
    if (code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new MasklineError("dependency_missing", `${needing} needs the package ${name}, which is not installed`, {
      next: `npm install ${name}`,
    });
  }
}

/** One call with a client of its own: rings are opened once, and a pool of connections would be of no use afterwards. */
export async function withClient<Client extends { destroy(): void }, Answer>(
  client: Client,
  work: (client: Client) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}
