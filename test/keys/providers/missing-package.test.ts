import assert from "node:assert/strict";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { startNode } from "../../harness/workspace.ts";

const sources = path.resolve(import.meta.dirname, "../../../src");

test("without the package of an AWS service its store says what to install, and the others work", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-without-aws-"));
  t.after(() => rm(folder, { recursive: true }));
  // the sources where no node_modules is in reach
  await cp(sources, path.join(folder, "src"), { recursive: true });
  await writeFile(path.join(folder, "package.json"), '{"type":"module"}');
  const program = `
    import { openStore } from "./src/keys/providers/stores.ts";
    import { awsKms } from "./src/keys/providers/aws-kms.ts";
    import { callerIdentity } from "./src/keys/providers/aws-sts.ts";
    const around = { fileOf: (name) => name, environment: { RING: "{}" }, region: null, endpoint: null };
    const tries = {
      env: async () => (await openStore("env:RING", around)).read(),
      file: async () => (await openStore("file:none.json", around)).read(),
      secret: async () => (await openStore("aws-secretsmanager:a", around)).read(),
      parameter: async () => (await openStore("aws-ssm:/a", around)).create("{}"),
      kms: () => awsKms(around).generateDataKey("alias/a", { purpose: "maskline-keyring", ring: "0" }),
      identity: () => callerIdentity(around, "alias/a"),
    };
    const told = {};
    for (const [name, work] of Object.entries(tries)) {
      told[name] = await work().catch(({ code, next }) => code + ": " + next);
    }
    console.log(JSON.stringify(told));
  `;
  await writeFile(path.join(folder, "try.ts"), program);
  const { stdout, stderr } = await startNode(folder, ["try.ts"]).finished;
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), {
    env: "{}",
    file: "keyring_missing: maskline keys create",
    secret: "dependency_missing: npm install @aws-sdk/client-secrets-manager",
    parameter: "dependency_missing: npm install @aws-sdk/client-ssm",
    kms: "dependency_missing: npm install @aws-sdk/client-kms",
    identity: "dependency_missing: npm install @aws-sdk/client-sts",
  });
});
