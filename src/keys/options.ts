import type { FromSchema } from "json-schema-to-ts";

/** Where a ring can be kept. */
export type StoreScheme = "file" | "env" | "aws-secretsmanager" | "aws-ssm" | "aws-kms";

const reference =
  "^(file:.+|env:[A-Za-z_][A-Za-z0-9_]*|aws-secretsmanager:[A-Za-z0-9/_+=.@:-]+|aws-ssm:/[A-Za-z0-9_./-]+|aws-kms:.+)$";

/** ARN, id or alias of a KMS key. */
export const kmsKeyName =
  "^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:(key|alias)/[A-Za-z0-9/_-]+|alias/[A-Za-z0-9/_-]+|[A-Za-z0-9-]+)$";

/**
 * `keyring` in maskline.yaml: where the ring is, and how it must be wrapped there. A text alone stands for `from`. Credentials of AWS
 * come from its SDK's chain (environment, profile, role), never from this file.
 */
export const keyringOptions = {
  type: ["string", "object"],
  shorthand: "from",
  description: "Where the keys are, made by `maskline keys create`. A text alone is the same as from.",
  additionalProperties: false,
  required: ["from"],
  pattern: reference as string,
  properties: {
    from: {
      type: "string",
      pattern: reference as string,
      description:
        "file:./keyring.json (beside this file), env:NAME (its text or base64, read only), aws-secretsmanager:NAME, aws-ssm:/NAME (a SecureString), or aws-kms:./keyring.json (a file that must be wrapped by KMS).",
    },
    passphrase: {
      type: "string",
      minLength: 1,
      secret: true,
      description:
        "The passphrase the ring must be wrapped by. From the environment: ${KEYRING_PASSPHRASE}; on a terminal it can be typed.",
    },
    passphrase_file: {
      type: "string",
      minLength: 1,
      description: "A file with the passphrase, its owner's alone (mode 600).",
    },
    kms_key: {
      type: "string",
      pattern: kmsKeyName as string,
      description: "The AWS KMS key the ring must be wrapped by: ARN, id or alias/NAME.",
    },
    region: {
      type: "string",
      pattern: "^[a-z0-9-]+$",
      description: "The AWS region of key, secret or parameter. Default: the one in its ARN, then AWS_REGION.",
    },
    endpoint: {
      type: "string",
      pattern: "^https?://[^/@]+/?$",
      description: "Where AWS is asked, for a private endpoint: https://HOST. http only on this machine.",
    },
    expect: {
      type: "string",
      pattern: "^[0-9a-f]{16,64}$",
      description: "The fingerprint that ring and mask definitions must have, for commands without a database to compare with.",
    },
  },
} as const;

/** After the text alone has become `from`. */
export type KeyringOptions = Exclude<FromSchema<typeof keyringOptions>, string>;
