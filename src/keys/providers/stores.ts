import type { StoreScheme } from "../options.ts";
import type { RingStore } from "../ring-store.ts";
import type { AwsPlace } from "./aws-client.ts";

/** What the stores need to know besides the name of the ring. */
export interface StoreSurroundings extends AwsPlace {
  /** Where a file lies that the configuration names. */
  readonly fileOf: (path: string) => string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

type OpenStore = (name: string, around: StoreSurroundings) => Promise<RingStore>;

const inFile: OpenStore = async (path, { fileOf }) => (await import("./file.ts")).fileStore(fileOf(path));

/** Every store by its scheme, in `keyring.from`. Loaded when one is named: nobody pays for the others. */
const stores: Readonly<Record<StoreScheme, OpenStore>> = {
  file: inFile,
  env: async (name, { environment }) => (await import("./environment.ts")).environmentStore(name, environment),
  "aws-secretsmanager": async (id, around) => (await import("./aws-secrets-manager.ts")).secretsManagerStore(id, around),
  "aws-ssm": async (name, around) => (await import("./aws-ssm.ts")).ssmStore(name, around),
  // a file too: what the scheme demands is how the ring is wrapped
  "aws-kms": inFile,
};

/** @param from as the configuration's schema lets through: SCHEME:NAME */
export async function openStore(from: string, around: StoreSurroundings): Promise<RingStore> {
  const [scheme, name] = splitReference(from);
  return stores[scheme](name, around);
}

export function splitReference(from: string): readonly [scheme: StoreScheme, name: string] {
  const colon = from.indexOf(":");
  return [from.slice(0, colon) as StoreScheme, from.slice(colon + 1)];
}
