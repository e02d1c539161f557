import { isDenied, isPassing, isRegionMissing, sdkError } from "../../aws/sdk-error.ts";
import { type ErrorCode, MasklineError } from "../../errors.ts";

/** What a call was for, so that its error says what to do. */
export interface AwsCall {
  /** "reading the secret" */
  readonly doing: string;
  /** What it was about, safe to show: the name of a key, a secret or a parameter. */
  readonly shown: string;
  /** The rights it needs. */
  readonly rights: string;
}

interface Known {
  readonly names: RegExp;
  readonly code: ErrorCode;
  readonly says: string;
  readonly next: string;
}

/** What the services' own codes mean for a ring. Whatever is not here is told by its kind: denied, passing, or refused. */
const known: readonly Known[] = [
  {
    names: /^(ResourceNotFoundException|ParameterNotFound|ParameterVersionNotFound)$/,
    code: "keyring_missing",
    says: "there is no key ring",
    next: "maskline keys create; or check keyring.from and keyring.region",
  },
  {
    names: /^(ResourceExistsException|ParameterAlreadyExists)$/,
    code: "file_exists",
    says: "there is something already, and it was not touched",
    next: "name another place; to use the ring that is there, nothing is needed",
  },
  {
    names: /^(InvalidCiphertextException|IncorrectKeyException)$/,
    code: "keyring_locked",
    says: "KMS does not open the ring's data key: another key wrapped it, or the ring was altered",
    next: "check keyring.kms_key; if it is right, take the ring from a backup",
  },
  {
    names: /^NotFoundException$/,
    code: "key_service_refused",
    says: "there is no such KMS key",
    next: "check the key, and keyring.region: a key is known in its own region only",
  },
  {
    names: /^(DisabledException|KMSInvalidStateException)$/,
    code: "key_service_refused",
    says: "the KMS key is disabled or to be deleted",
    next: "enable the key (aws kms enable-key, or cancel-key-deletion first)",
  },
  // KMS key of a secret, by way of Secrets Manager
  {
    names: /^(DecryptionFailure|EncryptionFailure)$/,
    code: "key_service_denied",
    says: "the secret's own KMS key may not be used",
    next: "check the state of the secret's KMS key, and the rights kms:Decrypt and kms:GenerateDataKey on it",
  },
  {
    names: /^(KeyUnavailableException|DependencyTimeoutException|KMSInternalException|InternalServiceError|TooManyUpdates)$/,
    code: "key_service_unreachable",
    says: "the service could not answer now",
    next: "try again",
  },
];

/** The error a user sees for a call that failed: its code, never its text. */
export function keyServiceError(error: unknown, { doing, shown, rights }: AwsCall): MasklineError {
  if (error instanceof MasklineError) return error;
  const told = sdkError(error);
  const { name, status } = told;
  const text = `while ${doing} (${shown}): ${name}${status === null ? "" : `, HTTP ${status}`}`;
  if (isRegionMissing(told)) {
    return new MasklineError("config_invalid", `no AWS region is known while ${doing} (${shown})`, {
      next: "set keyring.region, or AWS_REGION in the environment",
    });
  }
  const found = known.find(({ names }) => names.test(name));
  if (found !== undefined) return new MasklineError(found.code, `${found.says} ${text}`, { next: found.next });
  if (isDenied(told)) {
    return new MasklineError("key_service_denied", `the credentials or the right were refused ${text}`, {
      next: `check the AWS credentials (AWS_PROFILE, AWS_ACCESS_KEY_ID ...); needed: ${rights}`,
    });
  }
  if (isPassing(told)) {
    return new MasklineError("key_service_unreachable", `the service does not answer ${text}`, {
      next: "check that it can be reached from here (keyring.endpoint, keyring.region), and try again",
    });
  }
  return new MasklineError("key_service_refused", `the service refused a request ${text}`, {
    next: "check keyring.from, keyring.kms_key and keyring.endpoint",
  });
}

/** Whether an error has one of these codes. */
export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return names.includes(sdkError(error).name);
}
