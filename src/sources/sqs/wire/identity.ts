import { localAccess } from "../../../aws/local-server.ts";
import type { ClientOptions } from "../client.ts";
import { regionOf } from "./region.ts";
import type { Credentials } from "./signer.ts";

/** As the SDK's providers give them. */
interface TimedCredentials extends Credentials {
  readonly expiration?: Date | undefined;
}

type Provide = (options?: { readonly forceRefresh?: boolean }) => Promise<TimedCredentials>;

interface Sources {
  readonly region: string;
  readonly provide: Provide;
  close(): void;
}

/** The SDK's providers renew what ends within five minutes when they are asked: from then on they are asked for each call. */
const renewAheadMs = 300_000;

/**
 * With whose credentials, and for which region, calls are signed: what the SDK would find, in its order. Fixed keys in the environment are
 * read here; for all else the SDK's own chain of providers is loaded, which is kept and renews what it has found.
 */
export class Identity {
  readonly #options: ClientOptions;
  readonly #environment: NodeJS.ProcessEnv;
  #sources: Promise<Sources> | null = null;
  #region = "";
  #credentials: TimedCredentials | null = null;
  #freshUntilMs = 0;
  /** What the server said was over, whatever it says of itself. */
  #refused: Credentials | null = null;

  constructor(options: ClientOptions, environment: NodeJS.ProcessEnv) {
    this.#options = options;
    this.#environment = environment;
  }

  /** Known once there are credentials. */
  get region(): string {
    return this.#region;
  }

  /** Null where they have to be loaded first. */
  current(): Credentials | null {
    return this.#freshUntilMs > Date.now() ? this.#credentials : null;
  }

  async load(): Promise<Credentials> {
    const { region, provide } = await (this.#sources ??= this.#find());
    const isRefused = this.#credentials !== null && this.#credentials === this.#refused;
    const found = await provide(isRefused ? { forceRefresh: true } : {});
    this.#region = region;
    if (found !== this.#refused) this.#keep(found);
    return found;
  }

  close(): void {
    void this.#sources?.then(
      (sources) => sources.close(),
      () => {},
    );
  }

  /** The server says that these are over. */
  refuse(credentials: Credentials): void {
    if (credentials !== this.#credentials) return;
    this.#refused = credentials;
    this.#freshUntilMs = 0;
  }

  #keep(found: TimedCredentials): void {
    this.#credentials = found;
    this.#freshUntilMs = found.expiration === undefined ? Infinity : found.expiration.getTime() - renewAheadMs;
  }

  async #find(): Promise<Sources> {
    try {
      return await this.#look();
    } catch (error) {
      // looked for again with the next call
      this.#sources = null;
      throw error;
    }
  }

  async #look(): Promise<Sources> {
    const url = new URL(this.#options.url);
    const local = localAccess(url, this.#environment);
    const region = this.#options.region ?? regionOf(url) ?? local?.region ?? this.#environment["AWS_REGION"];
    const fixed = local?.credentials ?? fixedCredentials(this.#environment);
    if (region && fixed !== null) return { region, provide: async () => fixed, close: () => {} };
    const { sqsClient } = await import("../client.ts");
    const client = sqsClient(this.#options, "json");
    return {
      region: region || (await client.config.region()),
      provide: client.config.credentials,
      close: () => client.destroy(),
    };
  }
}

/** The first link of the SDK's chain (@aws-sdk/credential-provider-env); a profile that is named goes ahead of it. */
function fixedCredentials(environment: NodeJS.ProcessEnv): TimedCredentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = environment;
  if (environment["AWS_PROFILE"] || environment["AWS_CREDENTIAL_EXPIRATION"] || !accessKeyId || !secretAccessKey) return null;
  return { accessKeyId, secretAccessKey, sessionToken: sessionToken || undefined };
}
