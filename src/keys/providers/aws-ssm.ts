import type { SSMClient } from "@aws-sdk/client-ssm";

import { MasklineError } from "../../errors.ts";
import type { RingStore } from "../ring-store.ts";
import { awsClientConfig, type AwsPlace, loadSdk, withClient } from "./aws-client.ts";
import { keyServiceError } from "./aws-errors.ts";
import { changedMeanwhile } from "./changed-meanwhile.ts";

type Sdk = typeof import("@aws-sdk/client-ssm");

const readRights = "ssm:GetParameter, and kms:Decrypt on the parameter's key";
const writeRights = "ssm:GetParameter, ssm:PutParameter, and kms:Encrypt and kms:Decrypt on the parameter's key";

/** A ring in a SecureString of the AWS Systems Manager parameter store. Its earlier versions stay in the parameter's history. */
export function ssmStore(name: string, place: AwsPlace): RingStore {
  const shown = `AWS SSM parameter ${name}`;
  const ask = async <Answer>(
    doing: string,
    rights: string,
    work: (sdk: Sdk, client: SSMClient) => Promise<Answer>,
  ): Promise<Answer> => {
    const sdk = await loadSdk("@aws-sdk/client-ssm", () => import("@aws-sdk/client-ssm"));
    return withClient(new sdk.SSMClient(awsClientConfig(place, name)), (client) => work(sdk, client)).catch((error: unknown) => {
      throw keyServiceError(error, { doing, shown, rights });
    });
  };
  return {
    shown,
    plainMeans: "not wrapped: whoever may read the parameter has the keys",
    keepsHistory: true,
    writable: true,
    read: () => ask("reading the parameter", readRights, async (sdk, client) => (await get(sdk, client, name)).text),
    create: (text) =>
      ask("creating the parameter", writeRights, async (sdk, client) => void (await put(sdk, client, name, text, false))),
    replace: (text, previous) =>
      ask("replacing the parameter", writeRights, async (sdk, client) => {
        const found = await get(sdk, client, name);
        if (found.text !== previous) throw changedMeanwhile(shown);
        const version = await put(sdk, client, name, text, true);
        if (version !== found.version + 1) await giveWay(sdk, client, name, { first: found.version + 1, ours: version }, shown);
      }),
  };
}

async function get(
  { GetParameterCommand }: Sdk,
  client: SSMClient,
  name: string,
): Promise<{ readonly text: string; readonly version: number }> {
  const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  if (Parameter?.Type !== "SecureString") {
    throw new MasklineError("keyring_exposed", `AWS SSM parameter ${name} is not a SecureString: it is kept unencrypted`, {
      next: "make it anew as a SecureString, and count what was in it as known to others",
    });
  }
  return { text: Parameter.Value ?? "", version: Parameter.Version ?? 0 };
}

/** The version it became. A ring of several keys is above the 4 KB of the standard tier. */
async function put(
  { PutParameterCommand }: Sdk,
  client: SSMClient,
  name: string,
  text: string,
  overwrite: boolean,
): Promise<number> {
  const { Version } = await client.send(
    new PutParameterCommand({ Name: name, Value: text, Type: "SecureString", Tier: "Intelligent-Tiering", Overwrite: overwrite }),
  );
  return Version ?? 0;
}

/**
 * The parameter store does not compare and swap; but versions count up by one, so whoever wrote in the same moment shows. The first to
 * follow on what was read has the right to stay: his new keys may already be in use. His text is put back, unless a third has written
 * since: what he read was ours, and nobody but the operators can tell which keys are in use.
 */
async function giveWay(
  sdk: Sdk,
  client: SSMClient,
  name: string,
  { first, ours }: { readonly first: number; readonly ours: number },
  shown: string,
): Promise<never> {
  const { text } = await get(sdk, client, `${name}:${first}`);
  const { version } = await get(sdk, client, name);
  if (version !== ours) throw severalChanges(shown, first, version);
  await put(sdk, client, name, text, true);
  throw changedMeanwhile(shown);
}

function severalChanges(shown: string, first: number, last: number): MasklineError {
  return new MasklineError("keyring_unwritable", `${shown} was changed by several at once: versions ${first} to ${last}`, {
    next: "look which of them has every key that is in use, put that one in its place, and change the ring one at a time",
  });
}
