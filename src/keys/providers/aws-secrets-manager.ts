import { randomUUID } from "node:crypto";

import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

import { MasklineError } from "../../errors.ts";
import type { RingStore } from "../ring-store.ts";
import { malformed } from "../strict-json.ts";
import { awsClientConfig, type AwsPlace, loadSdk, withClient } from "./aws-client.ts";
import { isNamed, keyServiceError } from "./aws-errors.ts";
import { changedMeanwhile } from "./changed-meanwhile.ts";

type Sdk = typeof import("@aws-sdk/client-secrets-manager");

/** The version that a change has written and not made current yet. */
const nextStage = "MASKLINE_NEXT";
const currentStage = "AWSCURRENT";

/** A ring in a secret of AWS Secrets Manager. Its earlier versions stay there for a time, under the secret's own rights. */
export function secretsManagerStore(id: string, place: AwsPlace): RingStore {
  const shown = `AWS Secrets Manager secret ${id}`;
  const ask = async <Answer>(
    doing: string,
    rights: string,
    work: (sdk: Sdk, client: SecretsManagerClient) => Promise<Answer>,
  ): Promise<Answer> => {
    const sdk = await loadSdk("@aws-sdk/client-secrets-manager", () => import("@aws-sdk/client-secrets-manager"));
    return withClient(new sdk.SecretsManagerClient(awsClientConfig(place, id)), (client) => work(sdk, client)).catch(
      (error: unknown) => {
        throw keyServiceError(error, { doing, shown, rights });
      },
    );
  };
  return {
    shown,
    plainMeans: "not wrapped: whoever may read the secret has the keys",
    keepsHistory: true,
    writable: true,
    read: () =>
      ask("reading the secret", "secretsmanager:GetSecretValue", async (sdk, client) => (await current(sdk, client, id)).text),
    create: (text) =>
      ask("creating the secret", "secretsmanager:CreateSecret", async ({ CreateSecretCommand }, client) => {
        if (id.startsWith("arn:")) {
          throw new MasklineError("usage", "a secret that is to be made is named by its name, not by an ARN", {
            next: "write keyring.from: aws-secretsmanager:NAME",
          });
        }
        await client.send(new CreateSecretCommand({ Name: id, SecretString: text, Description: "maskline key ring" }));
      }),
    replace: (text, previous) =>
      ask(
        "replacing the secret",
        "secretsmanager:GetSecretValue, PutSecretValue, UpdateSecretVersionStage",
        async (sdk, client) => {
          const found = await current(sdk, client, id);
          if (found.text !== previous) throw changedMeanwhile(shown);
          await swap(sdk, client, { id, shown, text, currentVersion: found.version });
        },
      ),
  };
}

async function current(
  { GetSecretValueCommand }: Sdk,
  client: SecretsManagerClient,
  id: string,
): Promise<{ readonly text: string; readonly version: string }> {
  const { SecretString, VersionId } = await client.send(new GetSecretValueCommand({ SecretId: id, VersionStage: currentStage }));
  if (SecretString === undefined || VersionId === undefined) throw malformed(`secret ${id}`, "a text", "bytes");
  return { text: SecretString, version: VersionId };
}

/** The current version is exchanged only for the one it was read as: Secrets Manager compares and swaps labels, not texts. */
async function swap(
  { PutSecretValueCommand, UpdateSecretVersionStageCommand }: Sdk,
  client: SecretsManagerClient,
  change: { readonly id: string; readonly shown: string; readonly text: string; readonly currentVersion: string },
): Promise<void> {
  const { id, shown, text, currentVersion } = change;
  const written = await client.send(
    new PutSecretValueCommand({
      SecretId: id,
      SecretString: text,
      ClientRequestToken: randomUUID(),
      VersionStages: [nextStage],
    }),
  );
  const label = (
    stage: string,
    from: string | undefined,
    to: string | undefined,
  ): InstanceType<typeof UpdateSecretVersionStageCommand> =>
    new UpdateSecretVersionStageCommand({ SecretId: id, VersionStage: stage, RemoveFromVersionId: from, MoveToVersionId: to });
  try {
    await client.send(label(currentStage, currentVersion, written.VersionId));
  } catch (error) {
    throw isNamed(error, "InvalidParameterException", "InvalidRequestException") ? changedMeanwhile(shown) : error;
  } finally {
    // Without a label a version is gone for good one day. It is only tidiness: another change moves this label as it likes.
    await client.send(label(nextStage, written.VersionId, undefined)).catch(() => {});
  }
}
