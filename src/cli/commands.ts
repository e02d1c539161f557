import type { Command } from "./command.ts";

/** The groups of the help page, in its order. */
export const groups = ["start", "run", "look", "recover", "keys"] as const;

export interface CommandEntry {
  /** One word or two: "run", "keys create". */
  readonly name: string;
  readonly group: (typeof groups)[number];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

/** Every command. Loaded only when called, so that `--help` and small commands start at once. */
export const commands: readonly CommandEntry[] = [
  {
    name: "demo",
    group: "start",
    summary: "the whole job on embedded servers: sample events, a drain, what came of it",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  {
    name: "init",
    group: "start",
    summary: "write a starter maskline.yaml and .gitignore",
    load: async () => (await import("./commands/init.ts")).init,
  },
  {
    name: "check",
    group: "start",
    summary: "check the configuration; --connect tries queue, database, table, rights and keys",
    load: async () => (await import("./commands/check.ts")).check,
  },
  {
    name: "preview",
    group: "start",
    summary: "real messages as rows and refusals: rolled back, and given back",
    load: async () => (await import("./commands/preview.ts")).preview,
  },
  {
    name: "sample",
    group: "start",
    summary: "print generated login events, or send them to the queue",
    load: async () => (await import("./commands/sample.ts")).sample,
  },
  {
    name: "run",
    group: "run",
    summary: "receive, check, mask and load until stopped, or until the queue is drained",
    load: async () => (await import("./commands/run.ts")).run,
  },
  {
    name: "backfill",
    group: "run",
    summary: "load files of events (NDJSON, plain, gzip or zstd), each line once; resumable",
    load: async () => (await import("./commands/backfill.ts")).backfill,
  },
  {
    name: "mask",
    group: "run",
    summary: "mask lines of JSON from stdin to stdout; needs no queue and no database",
    load: async () => (await import("./commands/mask.ts")).mask,
  },
  {
    name: "migrate",
    group: "run",
    summary: "create or upgrade what maskline owns in the database",
    load: async () => (await import("./commands/migrate.ts")).migrate,
  },
  {
    name: "prune",
    group: "run",
    summary: "remove receipts that are older than any queue keeps a message",
    load: async () => (await import("./commands/prune.ts")).prune,
  },
  {
    name: "resume",
    group: "run",
    summary: "let a pipeline go on that stopped because too many messages were refused",
    load: async () => (await import("./commands/resume.ts")).resume,
  },
  {
    name: "ledger",
    group: "look",
    summary: "is every message accounted for? where is this one?",
    load: async () => (await import("./commands/ledger.ts")).ledger,
  },
  {
    name: "quarantine list",
    group: "look",
    summary: "refused messages, grouped by what is wrong with them",
    load: async () => (await import("./commands/quarantine.ts")).quarantineList,
  },
  {
    name: "quarantine show",
    group: "look",
    summary: "what is known of one refused message",
    load: async () => (await import("./commands/quarantine.ts")).quarantineShow,
  },
  {
    name: "quarantine replay",
    group: "look",
    summary: "run refused messages through today's contract: what fits is loaded, once",
    load: async () => (await import("./commands/quarantine-replay.ts")).quarantineReplay,
  },
  {
    name: "quarantine discard",
    group: "look",
    summary: "remove refused messages for good",
    load: async () => (await import("./commands/quarantine-discard.ts")).quarantineDiscard,
  },
  {
    name: "dlq drain",
    group: "look",
    summary: "load what the dead-letter queue holds, under the same ids: nothing twice",
    load: async () => (await import("./commands/dlq-drain.ts")).dlqDrain,
  },
  {
    name: "dlq redrive",
    group: "look",
    summary: "let SQS move dead letters back to their queue; they become new messages",
    load: async () => (await import("./commands/dlq-redrive.ts")).dlqRedrive,
  },
  {
    name: "duplicates",
    group: "look",
    summary: "equal masked values across users, ranked",
    load: async () => (await import("./commands/duplicates.ts")).duplicates,
  },
  {
    name: "audit list",
    group: "recover",
    summary: "who did what with personal values, and why; who opened this token",
    load: async () => (await import("./commands/audit-list.ts")).auditList,
  },
  {
    name: "audit export",
    group: "recover",
    summary: "the whole audit as lines of JSON, to be kept and verified elsewhere",
    load: async () => (await import("./commands/audit-export.ts")).auditExport,
  },
  {
    name: "audit verify",
    group: "recover",
    summary: "is the audit as it was written? of the database or of an export",
    load: async () => (await import("./commands/audit-verify.ts")).auditVerify,
  },
  {
    name: "approve",
    group: "recover",
    summary: "be the second person: allow what somebody else has asked for, this very list, once",
    load: async () => (await import("./commands/approve.ts")).approve,
  },
  {
    name: "policy list",
    group: "recover",
    summary: "who may do what, how often, and from where on with a second person",
    load: async () => (await import("./commands/policy.ts")).policyList,
  },
  {
    name: "policy allow",
    group: "recover",
    summary: "let a role of the database do something in a domain",
    load: async () => (await import("./commands/policy.ts")).policyAllow,
  },
  {
    name: "policy deny",
    group: "recover",
    summary: "take that away",
    load: async () => (await import("./commands/policy.ts")).policyDeny,
  },
  {
    name: "verify",
    group: "recover",
    summary: "what a value's tokens are, whether this is one, and which rows carry it",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  {
    name: "reveal",
    group: "recover",
    summary: "open tokens, whole or in part: with a right, a reason and an audit row before the first value",
    load: async () => (await import("./commands/reveal.ts")).reveal,
  },
  {
    name: "risk",
    group: "look",
    summary: "what the table's tokens and plain columns still give away, and to whom",
    load: async () => (await import("./commands/risk.ts")).risk,
  },
  {
    name: "erase",
    group: "recover",
    summary: "one person's originals out of the vault, with a signed certificate of it",
    load: async () => (await import("./commands/erase.ts")).erase,
  },
  {
    name: "keys create",
    group: "keys",
    summary: "make a key ring; never overwrites one",
    load: async () => (await import("./commands/keys-create.ts")).keysCreate,
  },
  {
    name: "keys list",
    group: "keys",
    summary: "the keys of the ring: ids and states, never the keys",
    load: async () => (await import("./commands/keys.ts")).keysList,
  },
  {
    name: "keys rewrap",
    group: "keys",
    summary: "wrap the ring by a passphrase, by KMS or not at all; no token changes",
    load: async () => (await import("./commands/keys-rewrap.ts")).keysRewrap,
  },
  {
    name: "keys export",
    group: "keys",
    summary: "a writer's ring, or keys for Google Tink",
    load: async () => (await import("./commands/keys-export.ts")).keysExport,
  },
  {
    name: "keys rotate",
    group: "keys",
    summary: "add a root key that masks from now on; running processes follow",
    load: async () => (await import("./commands/keys-rotate.ts")).keysRotate,
  },
  {
    name: "keys rekey",
    group: "keys",
    summary: "bring the table's tokens under the newest key; resumable, beside running pipelines",
    load: async () => (await import("./commands/keys-rekey.ts")).keysRekey,
  },
  {
    name: "keys reseal",
    group: "keys",
    summary: "bring the vault and the quarantine under the current sealing key; resumable",
    load: async () => (await import("./commands/keys-reseal.ts")).keysReseal,
  },
  {
    name: "keys epoch",
    group: "keys",
    summary: "one sealing key a month, for a timer: rotate, reseal, and destroy what is old when asked",
    load: async () => (await import("./commands/keys-epoch.ts")).keysEpoch,
  },
  {
    name: "keys disable",
    group: "keys",
    summary: "take a root key out of use; refused while anything uses it",
    load: async () => (await import("./commands/keys-disable.ts")).keysDisable,
  },
  {
    name: "keys enable",
    group: "keys",
    summary: "take a disabled root key back",
    load: async () => (await import("./commands/keys-enable.ts")).keysEnable,
  },
  {
    name: "keys destroy",
    group: "keys",
    summary: "remove a key from the ring for good; refused while anything uses it",
    load: async () => (await import("./commands/keys-destroy.ts")).keysDestroy,
  },
];
