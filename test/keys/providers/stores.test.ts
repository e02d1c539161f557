import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

import { environmentStore } from "../../../src/keys/providers/environment.ts";
import { openStore, type StoreSurroundings } from "../../../src/keys/providers/stores.ts";
import { serializeKeyRing } from "../../../src/keys/ring.ts";
import { ringStoreSuite } from "../../conformance/ring-store.ts";
import { keyServices } from "../../engines/key-services.ts";
import { startProxy } from "../../harness/answering-server.ts";
import { newRing } from "../rings.ts";

let folder = "";
let endpoint: string | null = null;
let stop = async (): Promise<void> => {};
const services = await keyServices();

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "maskline-stores-"));
  if (services.missing !== null) return;
  const running = await services.start();
  ({ endpoint, stop } = running);
});
after(async () => {
  await stop();
  await rm(folder, { recursive: true });
});

function around(): StoreSurroundings {
  return { fileOf: (name) => path.join(folder, name), environment: {}, region: "eu-west-1", endpoint };
}

ringStoreSuite({ name: "a file", missing: null, open: (name) => openStore(`file:${name}`, around()) });
ringStoreSuite({ name: "a file for KMS", missing: null, open: (name) => openStore(`aws-kms:kms-${name}`, around()) });
ringStoreSuite({
  name: "AWS Secrets Manager",
  missing: services.missing,
  open: (name) => openStore(`aws-secretsmanager:prod/${name}`, around()),
});
ringStoreSuite({ name: "AWS SSM", missing: services.missing, open: (name) => openStore(`aws-ssm:/prod/${name}`, around()) });

suite("a ring that someone else changes in the very moment", { skip: services.missing ?? false }, () => {
  const last: readonly [from: string, action: string][] = [
    ["aws-secretsmanager:prod/moment", "UpdateSecretVersionStage"],
    ["aws-secretsmanager:prod/earlier", "PutSecretValue"],
    ["aws-ssm:/prod/moment", "PutParameter"],
  ];
  for (const [from, action] of last) {
    test(`stays his, in ${from.split(":")[0]}, when he writes before ${action}`, async () => {
      const his = await openStore(from, around());
      await his.create("the first");
      let writes = 0;
      const proxy = await startProxy(endpoint ?? "", {
        before: async (asked) => {
          if (asked !== action || (writes += 1) > 1) return;
          await his.replace("his", "the first");
        },
      });
      try {
        const ours = await openStore(from, { ...around(), endpoint: proxy.endpoint });
        await assert.rejects(ours.replace("ours", "the first"), { code: "keyring_unwritable", message: /changed by someone else/ });
        assert.equal(await his.read(), "his");
        await ours.replace("ours", "his");
        assert.equal(await his.read(), "ours");
      } finally {
        await proxy.stop();
      }
    });
  }
});

suite("a parameter that three change at once", { skip: services.missing ?? false }, () => {
  test("is left as the last of them wrote it, and told with its versions", async () => {
    const others = await openStore("aws-ssm:/prod/three", around());
    await others.create("the first");
    let [reads, writes] = [0, 0];
    const proxy = await startProxy(endpoint ?? "", {
      before: async (asked) => {
        if (asked === "PutParameter" && (writes += 1) === 1) await others.replace("his", "the first");
        // ours are read as the newest before we look again
        if (asked === "GetParameter" && (reads += 1) === 2) await others.replace("the third's", "ours");
      },
    });
    try {
      const ours = await openStore("aws-ssm:/prod/three", { ...around(), endpoint: proxy.endpoint });
      await assert.rejects(ours.replace("ours", "the first"), {
        code: "keyring_unwritable",
        message: /several at once: versions 2 to 4/,
      });
      assert.equal(await others.read(), "the third's");
    } finally {
      await proxy.stop();
    }
  });
});

suite("a ring in AWS", { skip: services.missing ?? false }, () => {
  test("is not read from a parameter that is not encrypted", async () => {
    const client = new SSMClient({
      endpoint: endpoint ?? "",
      region: "eu-west-1",
      credentials: { accessKeyId: "a", secretAccessKey: "b" },
    });
    await client.send(new PutParameterCommand({ Name: "/prod/open", Type: "String", Value: "{}" }));
    client.destroy();
    await assert.rejects((await openStore("aws-ssm:/prod/open", around())).read(), {
      code: "keyring_exposed",
      message: /not a SecureString/,
    });
  });

  test("is made in a secret by name only", async () => {
    const named = await openStore("aws-secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf", around());
    await assert.rejects(named.create("{}"), { code: "usage", next: /aws-secretsmanager:NAME/ });
  });
});

suite("a ring in an environment variable", () => {
  const ring = serializeKeyRing(newRing());

  test("is its text, or base64 of it, also broken into lines", async () => {
    const base64 = Buffer.from(ring).toString("base64");
    for (const text of [ring, ring.trim(), base64, `${base64}\n`, base64.replaceAll(/(.{76})/g, "$1\n")]) {
      const store = await openStore("env:RING", { ...around(), environment: { RING: text } });
      assert.equal((await store.read()).trim(), ring.trim());
    }
  });

  test("is missing where the variable is not set or empty, and malformed where it is neither text nor base64", async () => {
    for (const environment of [{}, { RING: "" }, { RING: " \n" }, { RING: undefined }]) {
      await assert.rejects(environmentStore("RING", environment).read(), { code: "keyring_missing", message: /RING/ });
    }
    await assert.rejects(environmentStore("toString", {}).read(), { code: "keyring_missing" });
    for (const RING of ["canary!", "canar", "file:./keyring.json"]) {
      await assert.rejects(
        environmentStore("RING", { RING }).read(),
        ({ code, message }: Error & { code: string }) => code === "keyring_malformed" && !message.includes("canar"),
      );
    }
  });

  test("can be read only", async () => {
    const store = environmentStore("RING", { RING: ring });
    assert.equal(store.writable, false);
    await assert.rejects(store.create(ring), { code: "keyring_unwritable" });
    await assert.rejects(store.replace(ring, ring), { code: "keyring_unwritable" });
  });
});
