import { isLocal } from "../../aws/local-server.ts";
import { MasklineError } from "../../errors.ts";
import { awsClientConfig, type AwsPlace, loadSdk, withClient } from "./aws-client.ts";
import { keyServiceError } from "./aws-errors.ts";

/** A user, a role's session or the account itself. Safe to show: what a server says may have anything in it. */
const principalArn = /^arn:aws[a-z-]*:(?:iam|sts)::\d{12}:[\x21-\x7e]{1,1000}$/;

/**
 * The ARN of whom AWS takes us for, with the credentials that the key providers find. Takes no right: no policy can refuse it.
 * @param name an ARN of the ring's says the region
 * @throws MasklineError `key_service_*`, `config_invalid` without a region, `dependency_missing`
 */
export async function callerIdentity(place: AwsPlace, name: string): Promise<string> {
  const sdk = await loadSdk("@aws-sdk/client-sts", () => import("@aws-sdk/client-sts"), "the audit, with a key ring of AWS,");
  const call = { doing: "asking who is calling", shown: "AWS STS", rights: "valid credentials, and no right" };
  return withClient(new sdk.STSClient(awsClientConfig(stsPlace(place), name)), async (client) => {
    const { Arn } = await client.send(new sdk.GetCallerIdentityCommand({})).catch((error: unknown) => {
      throw keyServiceError(error, call);
    });
    if (Arn !== undefined && principalArn.test(Arn)) return Arn;
    throw new MasklineError("key_service_refused", "AWS STS answered, and not with the ARN of a caller", {
      next: "check AWS_ENDPOINT_URL_STS, or a local keyring.endpoint: is that AWS STS?",
    });
  });
}

/** A server on this machine plays all services; a private endpoint of AWS is of one, and STS has one of its own. */
function stsPlace({ region, endpoint }: AwsPlace): AwsPlace {
  return { region, endpoint: endpoint !== null && isLocal(new URL(endpoint)) ? endpoint : null };
}
