import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";
import { inspect } from "node:util";

import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";

import type { KeyService } from "../../../src/keys/kms-wrapping.ts";
import { awsKms } from "../../../src/keys/providers/aws-kms.ts";
import { serializeKeyRing } from "../../../src/keys/ring.ts";
import { kmsWrapping, readWrapped, unwrap, type Wrapping } from "../../../src/keys/wrapping.ts";
import { keyServices } from "../../engines/key-services.ts";
import { startAnsweringServer, startProxy } from "../../harness/answering-server.ts";
import { newRing } from "../rings.ts";

const region = "eu-west-1";
const ring = serializeKeyRing(newRing());
const services = await keyServices();
const otherArn = `arn:aws:kms:${region}:123456789012:key/00000000-0000-4000-8000-000000000000`;

interface File {
  wrap: { key: string; context: Record<string, string>; dataKey: string; nonce: string; [member: string]: unknown };
  ciphertext: string;
}

async function open(stored: string, service: KeyService, kmsKey: string | null = null): Promise<readonly [string, Wrapping]> {
  const unlocking = { passphrase: () => assert.fail("asked for a passphrase"), keyService: () => Promise.resolve(service), kmsKey };
  return unwrap(stored, readWrapped(stored), unlocking, randomBytes);
}

function altered(stored: string, change: (file: File) => void): string {
  const file = JSON.parse(stored) as File;
  change(file);
  return JSON.stringify(file);
}

suite("a ring wrapped by KMS", { skip: services.missing ?? false }, () => {
  let endpoint = "";
  let stop = async (): Promise<void> => {};
  let client: KMSClient;
  let kms: KeyService;
  let key = "";
  let stored = "";

  async function newKey(alias: string | null = null): Promise<string> {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    if (alias !== null) await client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: KeyMetadata?.KeyId }));
    return KeyMetadata?.Arn ?? assert.fail("a key has an ARN");
  }

  before(async () => {
    ({ endpoint, stop } = await services.start());
    client = new KMSClient({ endpoint, region, credentials: { accessKeyId: "a", secretAccessKey: "b" } });
    kms = awsKms({ region, endpoint });
    key = await newKey("alias/maskline");
    stored = await kmsWrapping(kms, key, null, randomBytes).wrap(ring);
  });
  after(async () => {
    client.destroy();
    await stop();
  });

  test("opens to the very text, by its own word or by the configuration's: ARN, id or alias", async () => {
    for (const named of [null, key, key.split("/")[1] ?? "", "alias/maskline", key.replace(/:key.*/, ":alias/maskline")]) {
      assert.equal((await open(stored, kms, named))[0], ring, String(named));
    }
  });

  test("names the KMS key by its ARN, whatever name it was wrapped by, and nothing of the ring", async () => {
    for (const named of [key, key.split("/")[1] ?? "", "alias/maskline"]) {
      const text = await kmsWrapping(kms, named, null, randomBytes).wrap(ring);
      const { wrap } = JSON.parse(text) as File;
      assert.equal(wrap.key, key);
      assert.deepEqual(Object.keys(wrap.context), ["purpose", "ring"]);
      assert.equal(wrap.context["purpose"], "maskline-keyring");
      assert.match(wrap.context["ring"] ?? "", /^[0-9a-f]{32}$/);
    }
  });

  test("gets a data key of its own each time, and keeps what KMS knows it by", async () => {
    const [, wrapping] = await open(stored, kms);
    const [first, second] = [stored, await wrapping.wrap(ring)].map((text) => JSON.parse(text) as File);
    assert.equal(first?.wrap.context["ring"], second?.wrap.context["ring"]);
    for (const member of ["dataKey", "nonce"] as const) assert.notEqual(first?.wrap[member], second?.wrap[member]);
  });

  test("fills its data keys with zeros after use, also where it did not open", async () => {
    const keys: Uint8Array[] = [];
    const watching: KeyService = {
      generateDataKey: async (...call) => {
        const answer = await kms.generateDataKey(...call);
        assert.ok(answer.plain.some((byte) => byte !== 0));
        keys.push(answer.plain);
        return answer;
      },
      decrypt: async (...call) => {
        const answer = await kms.decrypt(...call);
        assert.ok(answer.plain.some((byte) => byte !== 0));
        keys.push(answer.plain);
        return answer;
      },
    };
    const text = await kmsWrapping(watching, key, null, randomBytes).wrap(ring);
    await open(text, watching);
    const shut = altered(text, ({ wrap }) => void (wrap.nonce = randomBytes(12).toString("base64")));
    await assert.rejects(open(shut, watching), { code: "keyring_locked" });
    assert.equal(keys.length, 3);
    for (const used of keys) assert.ok(used.every((byte) => byte === 0));
  });

  test("stays shut when its context, data key, nonce or ciphertext is another's", async () => {
    const other = JSON.parse(await kmsWrapping(kms, key, null, randomBytes).wrap(ring)) as File;
    const changes: readonly [string, (file: File) => void][] = [
      ["the ring's id", ({ wrap }) => void (wrap.context["ring"] = "0".repeat(32))],
      ["the data key", ({ wrap }) => void (wrap.dataKey = other.wrap.dataKey)],
      ["the nonce", ({ wrap }) => void (wrap.nonce = other.wrap.nonce)],
      ["the ciphertext", (file) => void (file.ciphertext = other.ciphertext)],
      ["no data key of KMS", ({ wrap }) => void (wrap.dataKey = randomBytes(200).toString("base64"))],
    ];
    for (const [name, change] of changes) {
      await assert.rejects(open(altered(stored, change), kms), { code: "keyring_locked" }, name);
    }
  });

  test("is malformed with another purpose, key name or member", async () => {
    const changes: readonly [RegExp, (file: File) => void][] = [
      [/wrap\.context\.purpose/, ({ wrap }) => void (wrap.context["purpose"] = "other")],
      [/wrap\.context\.ring/, ({ wrap }) => void (wrap.context["ring"] = "A".repeat(32))],
      [/wrap\.context should be only/, ({ wrap }) => void (wrap.context["more"] = "x")],
      [/wrap\.key/, ({ wrap }) => void (wrap.key = "alias/maskline")],
      [/wrap\.key/, ({ wrap }) => void (wrap.key = `${key}\n`)],
      [/wrap\.dataKey/, ({ wrap }) => void (wrap.dataKey = "")],
      [/wrap should be only/, ({ wrap }) => void (wrap["more"] = 1)],
    ];
    for (const [message, change] of changes) {
      await assert.rejects(async () => open(altered(stored, change), kms), { code: "keyring_malformed", message });
    }
  });

  test("is refused when the configuration names another KMS key, by ARN or by alias", async () => {
    const another = await newKey("alias/another");
    await assert.rejects(open(stored, kms, another), {
      code: "keyring_locked",
      details: [`found ${key}`, `keyring.kms_key is ${another}`],
    });
    await assert.rejects(open(stored, kms, "alias/another"), ({ code }: { code: string }) =>
      ["keyring_locked", "key_service_denied"].includes(code),
    );
  });

  test("is refused when KMS answers for another key than the one it names, opening or wrapping", async () => {
    const proxy = await startProxy(endpoint, { change: (answer) => ({ ...answer, KeyId: otherArn }) });
    try {
      const service = awsKms({ region, endpoint: proxy.endpoint });
      for (const named of [null, key, "alias/maskline"])
        await assert.rejects(open(stored, service, named), { code: "keyring_locked" });
      await assert.rejects(kmsWrapping(service, key, null, randomBytes).wrap(ring), { code: "keyring_locked" });
    } finally {
      await proxy.stop();
    }
  });

  test("is refused when what KMS gives is no data key", async () => {
    for (const Plaintext of [undefined, "", randomBytes(16).toString("base64"), randomBytes(64).toString("base64")]) {
      const proxy = await startProxy(endpoint, { change: (answer) => ({ ...answer, Plaintext }) });
      try {
        const service = awsKms({ region, endpoint: proxy.endpoint });
        await assert.rejects(open(stored, service), { code: "keyring_locked" });
        await assert.rejects(kmsWrapping(service, key, null, randomBytes).wrap(ring), { code: "keyring_locked" });
      } finally {
        await proxy.stop();
      }
    }
  });

  test("is not made under a KMS key that is not there", async () => {
    await assert.rejects(kmsWrapping(kms, "alias/nowhere", null, randomBytes).wrap(ring), { code: "key_service_refused" });
  });

  test("is told denied by a KMS that checks the credentials", async () => {
    const reset = (count: string): Promise<Response> => fetch(`${endpoint}/moto-api/reset-auth`, { method: "POST", body: count });
    await reset("0");
    try {
      await assert.rejects(open(stored, kms), { code: "key_service_denied", next: /kms:Decrypt/ });
      await assert.rejects(kmsWrapping(kms, key, null, randomBytes).wrap(ring), {
        code: "key_service_denied",
        next: /kms:GenerateDataKey/,
      });
    } finally {
      await reset("inf");
    }
    assert.equal((await open(stored, kms))[0], ring);
  });
});

suite("what KMS may answer", () => {
  const stored = JSON.stringify({
    format: "maskline-keyring-wrapped",
    version: 1,
    wrap: {
      kind: "aws-kms",
      key: otherArn,
      context: { purpose: "maskline-keyring", ring: "0".repeat(32) },
      dataKey: "AAAA",
      cipher: "aes-256-gcm",
      nonce: randomBytes(12).toString("base64"),
    },
    ciphertext: randomBytes(64).toString("base64"),
  });

  const answers: readonly [status: number, name: string, code: string][] = [
    [400, "AccessDeniedException", "key_service_denied"],
    [400, "UnrecognizedClientException", "key_service_denied"],
    [400, "ExpiredTokenException", "key_service_denied"],
    [403, "InvalidSignatureException", "key_service_denied"],
    [400, "IncorrectKeyException", "keyring_locked"],
    [400, "InvalidCiphertextException", "keyring_locked"],
    [400, "NotFoundException", "key_service_refused"],
    [400, "DisabledException", "key_service_refused"],
    [400, "KMSInvalidStateException", "key_service_refused"],
    [400, "ValidationException", "key_service_refused"],
    [500, "KMSInternalException", "key_service_unreachable"],
    [500, "KeyUnavailableException", "key_service_unreachable"],
    [503, "ServiceUnavailable", "key_service_unreachable"],
    [400, "ThrottlingException", "key_service_unreachable"],
  ];

  test("each code says what to do; the service's own text is never shown", async () => {
    for (const [status, name, code] of answers) {
      const server = await startAnsweringServer(() => ({
        status,
        body: JSON.stringify({ __type: name, message: "CANARY-4711 the service's own text" }),
      }));
      try {
        await assert.rejects(
          open(stored, awsKms({ region, endpoint: server.endpoint })),
          (error: Error & { code: string; next: string }) => {
            assert.equal(error.code, code, name);
            assert.match(error.message, new RegExp(name));
            assert.ok(error.next.length > 0);
            assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes("4711"), name);
            return true;
          },
        );
      } finally {
        await server.stop();
      }
    }
  });

  test("no answer, and one that is not of KMS, are told apart from a locked ring", async () => {
    const server = await startAnsweringServer(() => ({ status: 200, body: "<html>CANARY-4711</html>" }));
    try {
      await assert.rejects(open(stored, awsKms({ region, endpoint: server.endpoint })), (error: Error & { code: string }) => {
        assert.match(error.code, /^key_service_/);
        assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes("4711"));
        return true;
      });
    } finally {
      await server.stop();
    }
    await assert.rejects(open(stored, awsKms({ region, endpoint: server.endpoint })), {
      code: "key_service_unreachable",
      retryable: true,
    });
  });

  test("the region is the ARN's where none is set", async () => {
    const seen: string[] = [];
    const server = await startAnsweringServer(({ headers }) => {
      seen.push(/\/(\w+-\w+-\d)\/kms\//.exec(headers.authorization ?? "")?.[1] ?? "");
      return { status: 400, body: JSON.stringify({ __type: "NotFoundException" }) };
    });
    try {
      for (const set of [null, "us-east-2"]) {
        await assert.rejects(open(stored, awsKms({ region: set, endpoint: server.endpoint })), { code: "key_service_refused" });
      }
    } finally {
      await server.stop();
    }
    assert.deepEqual(seen, [region, "us-east-2"]);
  });
});
