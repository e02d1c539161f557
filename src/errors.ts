/** Exit codes of the command line. One meaning each; documented in docs/reference/errors.md, which is made from this file. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  misfit: 3,
  outage: 4,
  unfinished: 5,
  tripped: 6,
  denied: 7,
  interrupted: 130,
} as const;

/**
 * The closed list of error codes. An error is safe to log by its type: its text names settings, columns, limits and codes,
 * never a value from a message and never a driver's own text. `retryable`: the same call may succeed later without anyone
 * changing anything.
 */
export const errorCodes = {
  usage: { exit: "usage", retryable: false, meaning: "the command line was not understood" },
  config_missing: { exit: "usage", retryable: false, meaning: "there is no configuration file where one was looked for" },
  config_invalid: {
    exit: "usage",
    retryable: false,
    meaning: "the configuration has faults; all of them are listed with file, line and option",
  },
  file_exists: {
    exit: "usage",
    retryable: false,
    meaning: "a file that would be written is there already; nothing was overwritten",
  },
  dependency_missing: { exit: "usage", retryable: false, meaning: "an optional package is needed and not installed" },
  keyring_missing: { exit: "misfit", retryable: false, meaning: "the key ring could not be read" },
  keyring_unwritable: {
    exit: "failed",
    retryable: false,
    meaning: "the key ring could not be written; what was there is as it was",
  },
  keyring_malformed: { exit: "misfit", retryable: false, meaning: "the key ring is not a maskline key ring" },
  keyring_exposed: { exit: "misfit", retryable: false, meaning: "the key ring file can be read by other users" },
  keyring_locked: {
    exit: "misfit",
    retryable: false,
    meaning: "the key ring could not be unwrapped: the wrong passphrase or KMS key, or a ring that was altered",
  },
  key_service_denied: {
    exit: "misfit",
    retryable: false,
    meaning: "the service that keeps the keys refused the credentials or the right",
  },
  key_service_refused: { exit: "misfit", retryable: false, meaning: "the service that keeps the keys refused a request as wrong" },
  key_service_unreachable: { exit: "outage", retryable: true, meaning: "the service that keeps the keys did not answer" },
  key_unknown: {
    exit: "misfit",
    retryable: false,
    meaning: "a key is named that the key ring does not hold, or does not hold enabled",
  },
  key_unpinned: {
    exit: "misfit",
    retryable: false,
    meaning: "the ring has several keys, and a mask whose tokens do not say theirs names none",
  },
  key_not_exported: { exit: "misfit", retryable: false, meaning: "a writer's key ring was not made for this contract" },
  keyring_rootless: { exit: "misfit", retryable: false, meaning: "a writer's key ring was given where the full one is needed" },
  key_in_use: { exit: "misfit", retryable: false, meaning: "the key is still in use; nothing was changed" },
  key_retired: {
    exit: "misfit",
    retryable: false,
    meaning: "the key may no longer be written with; the messages are back on the queue",
  },
  key_mismatch: { exit: "misfit", retryable: false, meaning: "the key ring is not the one this database was masked with" },
  mask_changed: { exit: "misfit", retryable: false, meaning: "a domain is defined otherwise than when its tokens were made" },
  value_unfit: {
    exit: "failed",
    retryable: false,
    meaning: "a value is none that its column or mask can take; nothing was done with it",
  },
  self_test_failed: { exit: "misfit", retryable: false, meaning: "a cipher did not give its published answer; nothing was masked" },
  queue_missing: { exit: "misfit", retryable: false, meaning: "the queue does not exist" },
  queue_denied: { exit: "misfit", retryable: false, meaning: "the queue refused the credentials or the right" },
  queue_refused: { exit: "misfit", retryable: false, meaning: "the queue refused a request as wrong" },
  queue_unfit: {
    exit: "misfit",
    retryable: false,
    meaning: "the queue is not set up for what was asked for; nothing was received or moved",
  },
  queue_expired: { exit: "outage", retryable: true, meaning: "the queue refused credentials that have expired" },
  queue_unreachable: { exit: "outage", retryable: true, meaning: "the queue did not answer, or failed on its side" },
  database_denied: { exit: "misfit", retryable: false, meaning: "the database refused user, password or right" },
  database_missing: { exit: "misfit", retryable: false, meaning: "the database does not exist" },
  database_tls: { exit: "misfit", retryable: false, meaning: "the encrypted connection to the database could not be trusted" },
  database_unreachable: {
    exit: "outage",
    retryable: true,
    meaning: "the database did not answer, is shutting down, read-only or full",
  },
  database_busy: {
    exit: "outage",
    retryable: true,
    meaning: "the database asked to try again (serialisation, deadlock, lock timeout)",
  },
  database_refused: { exit: "misfit", retryable: false, meaning: "the database refused a statement of ours" },
  schema_missing: { exit: "misfit", retryable: false, meaning: "what maskline owns in the database has not been created" },
  schema_older: { exit: "misfit", retryable: false, meaning: "what maskline owns in the database is older than this program" },
  schema_newer: { exit: "misfit", retryable: false, meaning: "what maskline owns in the database is newer than this program" },
  target_misfit: {
    exit: "misfit",
    retryable: false,
    meaning: "the target table does not fit the contract; nothing was loaded or quarantined for it",
  },
  budget_spent: {
    exit: "tripped",
    retryable: false,
    meaning: "too many messages were refused; the pipeline stands still until `maskline resume`",
  },
  drain_unfinished: {
    exit: "unfinished",
    retryable: true,
    meaning: "a drain was stopped, by a signal or --max-duration, before the queue was known to be empty",
  },
  position_moved: {
    exit: "unfinished",
    retryable: false,
    meaning: "another process has loaded this part of the input; nothing was written twice",
  },
  file_unreadable: { exit: "usage", retryable: false, meaning: "a file that was named is not there, or is none that can be read" },
  file_changed: {
    exit: "misfit",
    retryable: false,
    meaning: "a file is not what it was when it was begun or loaded, or was written to meanwhile",
  },
  file_damaged: { exit: "misfit", retryable: false, meaning: "a compressed file could not be unpacked to its end" },
  backfill_unfinished: {
    exit: "unfinished",
    retryable: true,
    meaning: "a backfill was stopped before all was loaded; the same command goes on",
  },
  process_lost: {
    exit: "failed",
    retryable: true,
    meaning: "one of several processes ended without a word; the others were stopped in order, and nothing is lost",
  },
  lines_refused: { exit: "failed", retryable: false, meaning: "some lines did not become rows; the others did" },
  rekey_unfinished: {
    exit: "unfinished",
    retryable: true,
    meaning: "keys rekey, reseal or epoch ended before all was under the new key; it goes on where it stopped",
  },
  replay_unfinished: {
    exit: "unfinished",
    retryable: true,
    meaning: "a replay or discard was stopped before every message was tried; the same command goes on with what is left",
  },
  right_missing: {
    exit: "denied",
    retryable: false,
    meaning: "the policy gives this person no such right; nothing was shown or changed, and the audit says so",
  },
  limit_reached: {
    exit: "denied",
    retryable: false,
    meaning: "so many values are more than the policy gives this person today; nothing was shown or changed, and the audit says so",
  },
  approval_needed: {
    exit: "denied",
    retryable: false,
    meaning: "so many values need a second person; nothing was shown or changed",
  },
  approval_unfit: {
    exit: "denied",
    retryable: false,
    meaning: "an approval is not there, expired, used, of another list or person, or may not be given by this one",
  },
  audit_unwritable: {
    exit: "misfit",
    retryable: false,
    meaning: "the audit could not be written; nothing is shown or changed before it is",
  },
  audit_broken: { exit: "failed", retryable: false, meaning: "the audit is not as it was written: altered, cut or forked" },
  certificate_broken: {
    exit: "failed",
    retryable: false,
    meaning: "a certificate of an erasure is not as it was signed, is not of this key, or the audit does not tell of it",
  },
  file_unwritable: {
    exit: "failed",
    retryable: false,
    meaning: "a file could not be written to its end; it was taken away again",
  },
  tokens_unopened: { exit: "failed", retryable: false, meaning: "some tokens did not open; the others did, and were shown" },
  not_found: { exit: "failed", retryable: false, meaning: "what was asked for is not there" },
  setup_failed: { exit: "failed", retryable: false, meaning: "an embedded server could not be started" },
  interrupted: { exit: "interrupted", retryable: true, meaning: "stopped by a signal before the work was done" },
  internal: { exit: "failed", retryable: false, meaning: "a fault of maskline itself; nothing was settled that was not durable" },
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorParts {
  /** What to type or change next. */
  readonly next?: string;
  /** Further lines, for errors that list several faults at once. */
  readonly details?: readonly string[];
}

/** Every error maskline raises on purpose. `message` says what happened and where; it never holds a value from a message. */
export class MasklineError extends Error {
  override readonly name = "MasklineError";
  readonly code: ErrorCode;
  readonly next: string | undefined;
  readonly details: readonly string[];

  constructor(code: ErrorCode, message: string, parts: ErrorParts = {}) {
    super(message);
    this.code = code;
    this.next = parts.next;
    this.details = parts.details ?? [];
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  get exitCode(): number {
    return exitCodes[errorCodes[this.code].exit];
  }
}

/** What is told of whatever was thrown, where only its code may be. */
export function codeOf(error: unknown): ErrorCode {
  return error instanceof MasklineError ? error.code : "internal";
}
