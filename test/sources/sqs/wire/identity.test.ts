import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { Identity } from "../../../../src/sources/sqs/wire/identity.ts";

const aws = { url: "https://sqs.eu-central-1.amazonaws.com/111122223333/login-queue", region: null, timeoutMs: 1_000 };
const local = { url: "http://127.0.0.1:1/000000000000/login-queue", region: null, timeoutMs: 1_000 };

suite("whose calls are signed", () => {
  test("keys in the environment are taken as they are, with the region of the URL", async () => {
    const identity = new Identity(aws, {
      AWS_ACCESS_KEY_ID: "a",
      AWS_SECRET_ACCESS_KEY: "s",
      AWS_SESSION_TOKEN: "t",
      AWS_REGION: "us-west-2",
    });
    assert.equal(identity.current(), null, "nothing is known before it has been asked for");
    const found = await identity.load();
    assert.deepEqual({ ...found }, { accessKeyId: "a", secretAccessKey: "s", sessionToken: "t" });
    assert.equal(identity.region, "eu-central-1");
    assert.equal(identity.current(), found, "and is kept");
  });

  test("a local server gets keys that need no look at the network", async () => {
    const identity = new Identity(local, {});
    assert.deepEqual({ ...(await identity.load()) }, { accessKeyId: "local", secretAccessKey: "local" });
    assert.equal(identity.region, "us-east-1");
  });

  test("the region that is configured goes ahead of all others", async () => {
    const environment = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s", AWS_REGION: "us-west-2" };
    const identity = new Identity({ ...local, region: "sa-east-1" }, environment);
    await identity.load();
    assert.equal(identity.region, "sa-east-1");
    const other = new Identity(local, environment);
    await other.load();
    assert.equal(other.region, "us-west-2");
  });

  test("keys that end are asked for again before they do, and those the server says are over at once", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "maskline-identity-"));
    const before = { ...process.env };
    try {
      // a profile whose keys a program gives: it counts how often it is asked
      const program = path.join(folder, "give.cjs");
      writeFileSync(
        program,
        `const fs = require("node:fs");
         const count = fs.existsSync(__filename + ".asked") ? Number(fs.readFileSync(__filename + ".asked")) + 1 : 1;
         fs.writeFileSync(__filename + ".asked", String(count));
         const minutes = count === 1 ? 4 : 60;
         console.log(JSON.stringify({ Version: 1, AccessKeyId: "key-" + count, SecretAccessKey: "s", SessionToken: "t",
           Expiration: new Date(Date.now() + minutes * 60000).toISOString() }));`,
      );
      const config = path.join(folder, "config");
      writeFileSync(config, `[profile given]\nregion = eu-west-3\ncredential_process = ${process.execPath} ${program}\n`);
      const environment = { AWS_PROFILE: "given", AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: path.join(folder, "none") };
      for (const name of ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"])
        delete process.env[name];
      Object.assign(process.env, environment);
      const identity = new Identity(local, process.env);
      assert.equal((await identity.load()).accessKeyId, "key-1");
      assert.equal(identity.region, "eu-west-3", "the profile's own");
      assert.equal(identity.current(), null, "four minutes are not enough");
      // renewed beside the calls that go on with the old ones
      let found = await identity.load();
      while (found.accessKeyId === "key-1") {
        await turn();
        found = await identity.load();
      }
      assert.equal(found.accessKeyId, "key-2");
      assert.equal(identity.current(), found);
      identity.refuse(found);
      assert.equal(identity.current(), null);
      assert.equal((await identity.load()).accessKeyId, "key-3");
      identity.refuse(found);
      assert.equal(identity.current()?.accessKeyId, "key-3", "an answer to older keys says nothing of these");
      identity.close();
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("without a region anywhere that is said as the SDK says it", async () => {
    const before = { ...process.env };
    try {
      for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
      const keys = { AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "s" };
      Object.assign(process.env, keys, { AWS_CONFIG_FILE: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: "/nowhere" });
      const identity = new Identity(local, process.env);
      await assert.rejects(identity.load(), /Region is missing/);
      await assert.rejects(identity.load(), /Region is missing/);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  });
});
