import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

import { type ErrorCode, errorCodes, exitCodes } from "../../src/errors.ts";
import { type Finished, startMaskline } from "../harness/workspace.ts";

/** An empty folder to work in, gone when the test ends. */
export async function emptyFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-cli-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder with a configuration in it. */
export async function folderWith(t: TestContext, config: string): Promise<string> {
  const folder = await emptyFolder(t);
  await writeFile(path.join(folder, "maskline.yaml"), config);
  return folder;
}

export async function maskline(
  folder: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const finished = await startMaskline(folder, args, environment).finished;
  // what holds for every command that does not write to a terminal
  for (const control of ["\u001B", "\r"]) {
    assert.ok(!`${finished.stdout}${finished.stderr}`.includes(control), "no colour and no rewritten line without a terminal");
  }
  return finished;
}

/** The command did what it was asked for. */
export function succeeded(finished: Finished): Finished {
  assert.equal(finished.code, 0, finished.stderr + finished.stdout);
  return finished;
}

export interface Failure {
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly next: RegExp;
}

/**
 * The command failed as a user can use it: nothing on stdout, its own exit code, what happened, what to type next, and no stack trace.
 * The code itself is read with `--json`; here it gives the exit code.
 */
export function failed({ code, stdout, stderr }: Finished, expected: Failure): void {
  assert.equal(stdout, "", "an error is not data");
  assert.match(stderr, /^maskline: /m);
  assert.match(stderr, expected.says);
  assert.match(stderr.split("\n").at(-2) ?? "", new RegExp(`^next: .*(?:${expected.next.source})`), stderr);
  assert.doesNotMatch(stderr, /^\s+at |fault of maskline itself/m);
  assert.equal(code, exitCodes[errorCodes[expected.code].exit], stderr);
}

export interface JsonError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: readonly string[];
  readonly next: string | null;
  readonly retryable: boolean;
}

/** The one document of a `--json` call. */
export function documentOf({ stdout }: Finished): unknown {
  assert.match(stdout, /^[^\n]+\n$/, "one line");
  return JSON.parse(stdout);
}

/** The error of a `--json` call, which is all it prints. */
export function jsonError(finished: Finished): JsonError {
  const document = documentOf(finished) as { readonly error: JsonError };
  assert.deepEqual(Object.keys(document), ["error"]);
  assert.equal(finished.code, exitCodes[errorCodes[document.error.code].exit]);
  return document.error;
}
