import type { DatabaseRole, Right } from "./database-role.ts";
import { exitColumns } from "./quarantine-exit.ts";

/** To be told apart from an older or newer database. */
const version: Right = { may: "SELECT", tables: ["migration"], why: "is the schema of this program's version?" };
/** What every command that opens a ring compares it with. */
const ownRing: Right = { may: "SELECT", tables: ["mask_definition", "ring_key"], why: "is the key ring the one of this database?" };
const names: Right = { may: "SELECT", tables: ["pipeline"], why: "pipelines by their names" };
const pins: Right = {
  may: "INSERT",
  tables: ["mask_definition"],
  columns: ["domain", "key_id", "check_value", "fingerprint"],
  why: "its masks; since when, the database says",
};
/** Without `kind`, which is root where nobody says: what is known of sealing keys decides when one is destroyed. */
const announcing: readonly Right[] = [
  { may: "SELECT, INSERT", tables: ["pipeline", "token_column"], why: "makes itself known, and where it writes tokens" },
  ownRing,
  pins,
  {
    may: "INSERT",
    tables: ["ring_key"],
    columns: ["ring", "key_id", "state"],
    why: "its root keys; nothing of sealing keys, nor since when",
  },
];
/** Where a column has a vault mask. */
export const vaultWriting: readonly Right[] = [
  { may: "SELECT", tables: ["vault"], columns: ["domain", "token"], why: "which originals are there already" },
  { may: "INSERT", tables: ["vault"], columns: ["domain", "token", "key_id", "sealed"], why: "originals, sealed" },
  { may: "INSERT", tables: ["vault_link"], why: "whose they are, by keyed hashes" },
];
/** Not when and by whom. */
export const exits: Right = {
  may: "INSERT",
  tables: ["quarantine_exit"],
  columns: exitColumns,
  why: "what has left the quarantine; when and by whom, the database says",
};
const audit = ["audit_begin()", "audit_append(uuid, text, bytea, bigint, bytea)"] as const;

const numbering: Right = {
  may: "USAGE",
  target: "sequences",
  why: "a default is worked out as whoever inserts: of serial columns that the contract leaves out",
};

const acting: readonly Right[] = [
  {
    may: "EXECUTE",
    functions: ["audit_tokens(uuid, bytea)", ...audit, "permit(jsonb, uuid)"],
    why: "to ask the policy and be told of in the audit before anything is opened",
  },
  {
    may: "EXECUTE",
    functions: ["request_approval(uuid, jsonb, text, integer)"],
    why: "to ask for a second person, where the policy wants one",
  },
  { may: "SELECT", tables: ["policy"], why: "the own rights and limits; no right to change them" },
];

/**
 * Who needs which right in the database, and what for: the one place that says so. The SQL of `maskline migrate --grants`, the table in
 * docs/recovery.md and the tests are made from it.
 */
export const databaseRoles: readonly DatabaseRole[] = [
  {
    name: "writer",
    does: "run, backfill",
    rights: [
      { may: "INSERT", target: "contract", why: "rows; reads nothing of the table" },
      numbering,
      version,
      ...announcing,
      {
        may: "SELECT, INSERT",
        tables: ["receipt", "identity_receipt", "ledger", "ledger_reason"],
        why: "each message once, and the account of it",
      },
      { may: "SELECT", tables: ["trip"], why: "does the pipeline stand still?" },
      {
        may: "INSERT",
        tables: ["trip"],
        columns: ["pipeline", "run", "refused", "seen", "limits", "reasons"],
        why: "stops the pipeline when too many messages are refused; cannot resume it",
      },
      { may: "INSERT", tables: ["quarantine", "token_alias"], why: "refused messages, sealed; equal tokens of two keys" },
      ...vaultWriting,
      { may: "SELECT, INSERT, DELETE", tables: ["intake"], why: "what its lanes hold" },
      { may: "SELECT, INSERT, UPDATE, DELETE", tables: ["replica"], why: "which key it writes with" },
      { may: "SELECT, INSERT, UPDATE", tables: ["position", "file"], why: "how far a backfill has come" },
    ],
  },
  {
    name: "rekeyer",
    does: "keys rotate, rekey, disable",
    rights: [
      { may: "SELECT, UPDATE", target: "masked", why: "old tokens out, new ones in; no other column" },
      version,
      {
        may: "SELECT",
        tables: ["pipeline", "replica", "ledger"],
        why: "who writes with which key, and whether anything was loaded",
      },
      { may: "SELECT", tables: ["mask_definition"], why: "is the key ring the one of this database?" },
      pins,
      { may: "SELECT, INSERT", tables: ["token_column"], why: "where the table has tokens" },
      { may: "SELECT, INSERT, UPDATE", tables: ["ring_key", "rekey"], why: "how keys stand, and how far the walk is" },
      { may: "SELECT, INSERT, DELETE", tables: ["token_alias"], why: "equal tokens of two keys, while there are two" },
      { may: "SELECT", tables: ["vault"], columns: ["key_id"], why: "does the vault still need a key?" },
    ],
  },
  {
    name: "analyst",
    does: "duplicates",
    rights: [
      { may: "SELECT", target: "whole", why: "the masked table" },
      { may: "SELECT", target: "views", why: "the same, with equal values equal under every key; values that several users share" },
      version,
      { may: "SELECT", tables: ["ring_key", "alias"], why: "which tokens of two keys are equal; no key" },
      { may: "SELECT", tables: ["token_column"], why: "whether a column has held tokens that cannot be compared" },
    ],
  },
  {
    name: "privacy_officer",
    does: "verify, reveal, approve, opening the quarantine",
    rights: [
      { may: "SELECT", target: "whole", why: "which rows carry a value; tokens by a question instead of a list" },
      version,
      ownRing,
      ...acting,
      {
        may: "EXECUTE",
        functions: ["pending_approval(uuid)", "approve(uuid, jsonb, text)"],
        why: "to be the second person, as the policy says",
      },
      names,
      { may: "SELECT", tables: ["quarantine"], why: "sealed bodies" },
      { may: "SELECT", tables: ["vault"], columns: ["domain", "token", "sealed"], why: "sealed originals" },
      { may: "SELECT", tables: ["token_column"], why: "has a column held tokens of several keys that do not say theirs?" },
    ],
  },
  {
    name: "replayer",
    does: "quarantine replay, discard",
    rights: [
      { may: "INSERT", target: "contract", why: "rows of messages that fit now" },
      numbering,
      version,
      ...announcing,
      { may: "SELECT, INSERT", tables: ["receipt", "identity_receipt"], why: "each message once" },
      {
        may: "UPDATE",
        tables: ["receipt", "identity_receipt"],
        columns: ["outcome"],
        why: "from quarantined to loaded or discarded",
      },
      { may: "SELECT, INSERT, UPDATE, DELETE", tables: ["replica"], why: "which key it writes with" },
      { may: "SELECT", tables: ["ledger"], why: "was anything loaded before a key that is new here?" },
      { may: "SELECT, DELETE", tables: ["quarantine"], why: "sealed bodies; what is loaded leaves it" },
      {
        may: "UPDATE",
        tables: ["quarantine"],
        columns: ["reason", "faults", "structure", "contract_hash", "replays", "replayed_at"],
        why: "what is wrong today; not under which masks a body was sealed, nor whose it is",
      },
      { may: "INSERT", tables: ["token_alias"], why: "equal tokens of two keys" },
      exits,
      ...vaultWriting,
      ...acting,
    ],
  },
  {
    name: "eraser",
    does: "erase",
    rights: [
      { may: "SELECT", target: "contract", why: "the subject's rows, where their tokens are to go" },
      { may: "SELECT, UPDATE", target: "masked", why: "tokens become NULL when asked" },
      version,
      ownRing,
      { may: "SELECT", tables: ["vault"], columns: ["domain", "token"], why: "what nobody else shares; nothing sealed" },
      {
        may: "UPDATE",
        tables: ["vault"],
        columns: ["epoch"],
        why: "to lock a row, for which the right to change a column is needed",
      },
      { may: "DELETE", tables: ["vault", "quarantine"], why: "originals and bodies go" },
      { may: "SELECT, DELETE", tables: ["vault_link"], why: "whose they are, by keyed hashes" },
      {
        may: "SELECT",
        tables: ["quarantine"],
        columns: ["pipeline", "sent_at", "id", "subject", "reason", "quarantined_at"],
        why: "the subject's bodies, unread",
      },
      exits,
      { may: "SELECT", tables: ["receipt", "identity_receipt"], why: "what the bodies were" },
      { may: "UPDATE", tables: ["receipt", "identity_receipt"], columns: ["outcome"], why: "from quarantined to discarded" },
      { may: "SELECT", tables: ["erasure"], why: "how far an erasure has come" },
      { may: "INSERT", tables: ["erasure"], columns: ["id", "subject"], why: "an erasure, with nothing removed yet" },
      {
        may: "UPDATE",
        tables: ["erasure"],
        columns: ["links", "originals", "shared", "bodies", "rows_nulled", "finished_at", "certificate"],
        why: "what it has removed; not once it has ended",
      },
      ...acting,
    ],
  },
  {
    name: "auditor",
    does: "audit list, export, verify; policy list",
    rights: [
      version,
      { may: "SELECT", tables: ["audit", "audit_token"], why: "every act, and its tokens by their hashes" },
      { may: "SELECT", tables: ["policy"], why: "who may do what" },
    ],
  },
  {
    name: "operator",
    does: "resume, ledger, prune, quarantine list and show",
    rights: [
      version,
      names,
      { may: "SELECT", tables: ["trip"], why: "why a pipeline stands still" },
      {
        may: "UPDATE",
        tables: ["trip"],
        columns: ["resume_reason"],
        why: "lets it go on, with a reason; when and by whom, the database says",
      },
      { may: "SELECT", tables: ["account", "replica"], why: "is every message accounted for?" },
      {
        may: "SELECT, DELETE",
        tables: ["receipt", "identity_receipt", "intake", "ledger_reason"],
        why: "where a message is; removes receipts that are older than any queue keeps a message",
      },
      { may: "SELECT, INSERT, DELETE", tables: ["ledger"], why: "sums up the ledger of that time" },
      {
        may: "SELECT",
        tables: ["quarantine"],
        columns: [
          "pipeline",
          "sent_at",
          "id",
          "reason",
          "faults",
          "structure",
          "body_bytes",
          "attempt",
          "contract_hash",
          "quarantined_at",
          "replays",
          "replayed_at",
        ],
        why: "what is wrong with refused messages; never a body",
      },
      { may: "SELECT", tables: ["quarantine_exit"], why: "what has left it, when and by whom" },
    ],
  },
  {
    name: "policy_keeper",
    does: "policy list, allow, deny",
    rights: [
      version,
      ownRing,
      { may: "SELECT", tables: ["policy"], why: "what holds, since when and by whom" },
      {
        may: "EXECUTE",
        functions: ["set_policy(text, text, text, integer, integer)", "drop_policy(text, text, text)"],
        why: "the only way to change it; refused unless the audit tells of it",
      },
      { may: "EXECUTE", functions: audit, why: "to be told of in the audit" },
    ],
  },
];
