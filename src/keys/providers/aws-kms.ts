import type { KMSClient } from "@aws-sdk/client-kms";

import type { EncryptionContext, KeyService } from "../kms-wrapping.ts";
import { awsClientConfig, type AwsPlace, loadSdk, withClient } from "./aws-client.ts";
import { keyServiceError } from "./aws-errors.ts";

/** AWS KMS, or a server that speaks its protocol. */
export function awsKms(place: AwsPlace): KeyService {
  const ask = async <Answer>(
    key: string,
    doing: string,
    right: string,
    work: (sdk: typeof import("@aws-sdk/client-kms"), client: KMSClient) => Promise<Answer>,
  ): Promise<Answer> => {
    const sdk = await loadSdk("@aws-sdk/client-kms", () => import("@aws-sdk/client-kms"));
    return withClient(new sdk.KMSClient(awsClientConfig(place, key)), (client) => work(sdk, client)).catch((error: unknown) => {
      throw keyServiceError(error, { doing, shown: `KMS key ${key}`, rights: right });
    });
  };
  return {
    generateDataKey: (key, context) =>
      ask(key, "getting a data key", "kms:GenerateDataKey", async ({ GenerateDataKeyCommand }, client) => {
        const command = new GenerateDataKeyCommand({ KeyId: key, KeySpec: "AES_256", EncryptionContext: members(context) });
        const { KeyId, Plaintext, CiphertextBlob } = await client.send(command);
        return { key: KeyId ?? "", plain: Plaintext ?? new Uint8Array(), encrypted: CiphertextBlob ?? new Uint8Array() };
      }),
    decrypt: (encrypted, key, context) =>
      ask(key, "opening the ring's data key", "kms:Decrypt", async ({ DecryptCommand }, client) => {
        const command = new DecryptCommand({ CiphertextBlob: encrypted, KeyId: key, EncryptionContext: members(context) });
        const { KeyId, Plaintext } = await client.send(command);
        return { key: KeyId ?? "", plain: Plaintext ?? new Uint8Array() };
      }),
  };
}

function members({ purpose, ring }: EncryptionContext): Record<string, string> {
  return { purpose, ring };
}
