import path from "node:path";

import { runToEnd } from "../../src/demo/process.ts";
import { enginesFolder, isInstalled, notInstalled, whyNotRunnable } from "../../test/engines/engine-process.ts";
import type { CopyFormat } from "./masked-file.ts";
import { findPsql } from "./psql.ts";

export interface Missing {
  /** What is not here, and how to get it. */
  readonly missing: string;
}

/** A program that maskline is compared with. What it is told by its environment: README.md. */
export interface Peer {
  readonly name: string;
  /** Its idiom, in a few words for a table. */
  readonly label: string;
  /** Where its input comes from: a queue, drained until SIGTERM; or a file, loaded to its end. */
  readonly kind: "queue" | "file";
  /** What stands in its rows in place of the masked fields; `none` where it writes no rows at all. */
  readonly rows: "tokens" | "hashes" | "none";
  /** Of a file: the format it has to be made in first (masked-file.ts). */
  readonly format?: CopyFormat;
  /** The program and its arguments, or why it cannot run here. */
  command(): Promise<readonly string[] | Missing>;
}

export const peers: readonly Peer[] = [
  {
    name: "python-reference",
    label: "Python, boto3: one INSERT, commit and delete a message",
    kind: "queue",
    rows: "hashes",
    command: pythonCommand,
  },
  {
    name: "sqs-consumer",
    label: "sqs-consumer + pg: one INSERT a message",
    kind: "queue",
    rows: "hashes",
    command: nodeCommand("sqs-consumer.ts"),
  },
  {
    name: "sqs-consumer-batch",
    label: "sqs-consumer + pg: one INSERT a batch of ten",
    kind: "queue",
    rows: "hashes",
    command: nodeCommand("sqs-consumer-batch.ts"),
  },
  {
    name: "sdk-default",
    label: "AWS SDK's client at its defaults + maskline's loader",
    kind: "queue",
    rows: "tokens",
    command: nodeCommand("sdk-default.ts"),
  },
  {
    name: "maskline-one",
    label: "maskline, one receive and one delete at a time",
    kind: "queue",
    rows: "tokens",
    command: nodeCommand("maskline-one.ts"),
  },
  {
    name: "limit",
    label: "receive and delete alone, maskline's transport",
    kind: "queue",
    rows: "none",
    command: nodeCommand("limit.ts"),
  },
  {
    name: "floor",
    label: "receive and delete alone, unsigned HTTP",
    kind: "queue",
    rows: "none",
    command: nodeCommand("floor.ts"),
  },
  {
    name: "psql-text",
    label: "psql \\copy of the masked file, text",
    kind: "file",
    rows: "tokens",
    format: "text",
    command: psqlCommand("text"),
  },
  {
    name: "psql-binary",
    label: "psql \\copy of the masked file, binary",
    kind: "file",
    rows: "tokens",
    format: "binary",
    command: psqlCommand("binary"),
  },
];

function here(file: string): string {
  return path.join(import.meta.dirname, file);
}

function nodeCommand(file: string): Peer["command"] {
  return async () => [process.execPath, here(file)];
}

function psqlCommand(format: CopyFormat): Peer["command"] {
  return async () => {
    const psql = findPsql();
    return psql === null ? { missing: "psql is not installed here" } : ["/bin/sh", here("psql-copy.sh"), psql, format];
  };
}

/** The one that scripts/install-engines.sh makes, otherwise the system's where it has both packages. */
async function pythonCommand(): Promise<readonly string[] | Missing> {
  const program = here("python_reference.py");
  const own = path.join(enginesFolder, "bench-python", "bin", "python");
  if (isInstalled("bench-python") && whyNotRunnable(own) === null) return [own, program];
  const { succeeded } = await runToEnd("python3", ["-c", "import boto3, psycopg2"], { cwd: import.meta.dirname });
  return succeeded ? ["python3", program] : { missing: `${notInstalled("bench-python")} bench-python` };
}
