import { isLocal } from "../../aws/local-server.ts";
import type { ConfigFault } from "./fault.ts";
import type { Options } from "./schema.ts";

/** What no schema can say of `keyring`. It may hold anything that the schema has refused already. */
export function keyringFaults({ keyring }: Options): readonly ConfigFault[] {
  if (typeof keyring !== "object" || keyring === null) return [];
  const faults: ConfigFault[] = [];
  const told: Readonly<Record<string, unknown>> = keyring;
  const { from, endpoint } = told;
  const wrappings = ["passphrase", "passphrase_file", "kms_key"].filter((name) => told[name] !== undefined);
  const [first, second] = wrappings;
  if (second !== undefined) {
    faults.push({ path: ["keyring", second], message: `does not go with ${first}: a ring is wrapped in one way` });
  }
  if (typeof from === "string" && from.startsWith("aws-kms:") && first !== undefined && first !== "kms_key") {
    faults.push({
      path: ["keyring", first],
      message: "does not go with aws-kms:, whose ring is wrapped by KMS; write from: file:PATH",
    });
  }
  if (typeof endpoint === "string" && /^https?:\/\/[^/@]+\/?$/.test(endpoint)) {
    const url = URL.canParse(endpoint) ? new URL(endpoint) : null;
    const message =
      url === null
        ? "is not a URL; allowed: https://HOST"
        : url.protocol === "http:" && !isLocal(url)
          ? "is not encrypted: keys would cross the network in the clear; allowed: https://HOST, http:// on this machine only"
          : null;
    if (message !== null) faults.push({ path: ["keyring", "endpoint"], message });
  }
  return faults;
}
