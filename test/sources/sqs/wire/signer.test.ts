import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { suite, test } from "node:test";

import { SignatureV4 } from "@smithy/signature-v4";
import fc from "fast-check";

import { type Credentials, type RequestForm, Signer, signingKey } from "../../../../src/sources/sqs/wire/signer.ts";
import { SdkSha256 } from "../../../harness/sdk-hash.ts";

/** AWS's own Signature Version 4 test suite (aws-sig-v4-test-suite): all its requests have these. */
const published = {
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" },
  form: { method: "GET", host: "example.amazonaws.com", path: "/", region: "us-east-1", service: "service", headers: {} },
  atMs: Date.UTC(2015, 7, 30, 12, 36),
} as const;

const token =
  "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

interface Vector {
  readonly name: string;
  readonly form?: Partial<RequestForm>;
  readonly sessionToken?: string;
  readonly body?: string;
  readonly signed: string;
  readonly signature: string;
}

const vectors: readonly Vector[] = [
  {
    name: "get-vanilla",
    signed: "host;x-amz-date",
    signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
  },
  {
    name: "post-vanilla",
    form: { method: "POST" },
    signed: "host;x-amz-date",
    signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
  },
  {
    name: "post-x-www-form-urlencoded",
    form: { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" } },
    body: "Param1=value1",
    signed: "content-type;host;x-amz-date",
    signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  },
  {
    name: "post-sts-header-before",
    form: { method: "POST" },
    sessionToken: token,
    signed: "host;x-amz-date;x-amz-security-token",
    signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
  },
];

suite("a signature", () => {
  for (const { name, form = {}, sessionToken, body = "", signed, signature } of vectors) {
    test(`is the published one: ${name}`, () => {
      const signer = new Signer({ ...published.form, ...form });
      const { date, authorization } = signer.sign({ ...published.credentials, sessionToken }, published.atMs, body);
      assert.equal(date, "20150830T123600Z");
      const credential = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
      assert.equal(authorization, `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=${signed}, Signature=${signature}`);
    });
  }

  test("is made with the published key (AWS general reference, deriving a signing key)", () => {
    const key = signingKey(published.credentials.secretAccessKey, "20150830", "us-east-1", "iam");
    assert.equal(key.toString("hex"), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
  });

  test("is the one of the SDK's signer, whatever is signed, one after the other", async () => {
    const word = fc.stringMatching(/^[a-z0-9.-]{1,40}$/);
    const value = fc.stringMatching(/^[!-~]{1,60}$/);
    const credentials = fc.record({
      accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,128}$/),
      secretAccessKey: value,
      sessionToken: fc.option(value, { nil: undefined }),
    });
    const headers = fc.record({ "content-type": value, "x-amz-target": value }, { requiredKeys: [] });
    const call = fc.record({
      // seldom another: what is kept from the call before must not be used for it
      who: fc.constantFrom(0, 0, 0, 1),
      atMs: fc.integer({ min: 0, max: 4_102_444_800_000 }).map((ms) => ms - (ms % 250)),
      body: fc.string({ unit: "grapheme", maxLength: 400 }),
    });
    const calls = fc.array(fc.tuple(call, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(word, word, headers, fc.tuple(credentials, credentials), calls, async (host, region, signed, both, all) => {
        const signer = new Signer({ method: "POST", host, path: "/", region, service: "sqs", headers: signed });
        for (const [{ who, atMs, body }, times] of all) {
          // several within a second, and over its end
          for (let time = 0; time <= times; time += 1) {
            const at = atMs + time * 400;
            const ours = signer.sign(both[who], at, body);
            assert.deepEqual({ ...ours }, await bySdk({ host, region, signed, credentials: both[who], at, body }));
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test("is the one of an Hmac object for texts of any length", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z-]{1,900}$/), (region) => {
        const form = { ...published.form, region };
        const { authorization } = new Signer(form).sign(published.credentials, published.atMs, "");
        const scope = `20150830/${region}/service/aws4_request`;
        const canonical = `GET\n/\n\nhost:${form.host}\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n${sha256("")}`;
        const text = `AWS4-HMAC-SHA256\n20150830T123600Z\n${scope}\n${sha256(canonical)}`;
        const key = signingKey(published.credentials.secretAccessKey, "20150830", region, "service");
        assert.ok(authorization.endsWith(`Signature=${createHmac("sha256", key).update(text).digest("hex")}`));
      }),
      { numRuns: 50 },
    );
  });
});

interface Signing {
  readonly host: string;
  readonly region: string;
  readonly signed: Readonly<Record<string, string>>;
  readonly credentials: Credentials;
  readonly at: number;
  readonly body: string;
}

async function bySdk({ host, region, signed, credentials, at, body }: Signing): Promise<{ date: string; authorization: string }> {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region,
    service: "sqs",
    sha256: SdkSha256,
    applyChecksum: false,
  });
  const request = { method: "POST", protocol: "http:", hostname: host, path: "/", query: {}, headers: { host, ...signed }, body };
  const { headers } = await signer.sign(request, { signingDate: new Date(at) });
  return { date: headers["x-amz-date"] ?? "", authorization: headers["authorization"] ?? "" };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
