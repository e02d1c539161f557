import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { errorCodes, exitCodes } from "../../src/errors.ts";
import { awsKms } from "../../src/keys/providers/aws-kms.ts";
import { openStore } from "../../src/keys/providers/stores.ts";
import { serializeKeyRing } from "../../src/keys/ring.ts";
import { kmsWrapping } from "../../src/keys/wrapping.ts";
import { keyServices } from "../engines/key-services.ts";
import { type AnsweringServer, startAnsweringServer } from "../harness/answering-server.ts";
import { RevealingPlace } from "../harness/revealing-place.ts";

const values = ["203.0.113.7", "203.0.113.8"];
const region = "us-east-1";
/** Whom moto takes everybody for. */
const arn = "arn:aws:sts::123456789012:user/moto";
const services = await keyServices();

suite("who AWS says is asking, in the audit", { skip: services.missing ?? false, timeout: 240_000 }, () => {
  let server: PostgresServer;
  let place: RevealingPlace;
  let endpoint = "";
  let stopServices = async (): Promise<void> => {};
  /** In STS's place: what it answers, and how often it was asked. */
  let sts: AnsweringServer;
  let asked = 0;

  before(async () => {
    ({ endpoint, stop: stopServices } = await services.start());
    server = await startPostgres();
    place = await RevealingPlace.create(server);
    await place.person("officer");
    for (const action of ["reveal", "verify"]) await place.governed.allow("officer", action);
    sts = await startAnsweringServer(() => {
      asked += 1;
      return {
        status: 403,
        body: "<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>",
        headers: { "content-type": "text/xml" },
      };
    });
  });
  after(async () => {
    await place?.close();
    await server?.stop();
    await sts?.stop();
    await stopServices();
  });

  /** The officer's configuration, with the same ring in another place. */
  async function withRing(name: string, keyring: string): Promise<void> {
    const text = await readFile(path.join(place.folder, "officer.yaml"), "utf8");
    const changed = text.replace(/^keyring: .*$/m, `keyring: ${keyring}`);
    assert.notEqual(changed, text);
    await writeFile(path.join(place.folder, `${name}.yaml`), changed, { mode: 0o600 });
  }

  const awsOf = (url: string, ofSts: string = url): Readonly<Record<string, string>> => ({
    AWS_ENDPOINT_URL: url,
    AWS_ENDPOINT_URL_STS: ofSts,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: "a",
    AWS_SECRET_ACCESS_KEY: "b",
    AWS_MAX_ATTEMPTS: "1",
  });

  const why = ["--column", "masked_ip", "--json", "--reason", "asked for by the court", "--ticket", "T-1"];
  const reveal = ["reveal", "--plain-output", ...why];
  const tokens = (): string => place.tokens("masked_ip", values).join("\n");

  async function revealed(name: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly (string | null)[]> {
    const before = (await place.audit()).length;
    const { code, stdout, stderr } = await place.maskline(name, reveal, tokens(), environment);
    assert.equal(code, 0, stderr + stdout);
    for (const value of values) assert.ok(stdout.includes(value));
    const rows = (await place.audit()).slice(before);
    assert.deepEqual(
      rows.map(({ step, actor }) => [step, actor]),
      [
        ["intent", "officer"],
        ["result", "officer"],
      ],
      "the actor is the database's, whatever AWS says",
    );
    return rows.map(({ principal }) => principal);
  }

  test("a ring of Secrets Manager, of SSM, and one in a file that KMS has wrapped: both entries tell the ARN", async () => {
    const ring = serializeKeyRing(place.governed.ring);
    const around = { fileOf: (name: string) => name, environment: {}, region, endpoint };
    await (await openStore("aws-secretsmanager:prod/ring", around)).create(ring);
    await (await openStore("aws-ssm:/prod/ring", around)).create(ring);
    const kms = new KMSClient({ endpoint, region, credentials: { accessKeyId: "a", secretAccessKey: "b" } });
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
    kms.destroy();
    const wrapping = kmsWrapping(awsKms({ region, endpoint }), KeyMetadata?.Arn ?? "", null, randomBytes);
    await writeFile(path.join(place.folder, "wrapped.json"), await wrapping.wrap(ring), { mode: 0o600 });
    const at = `region: ${region}, endpoint: "${endpoint}"`;
    await withRing("secret", `{ from: aws-secretsmanager:prod/ring, ${at} }`);
    await withRing("parameter", `{ from: aws-ssm:/prod/ring, ${at} }`);
    await withRing("wrapped", `{ from: file:./wrapped.json, ${at} }`);
    await withRing("elsewhere", "aws-secretsmanager:prod/ring");
    for (const name of ["secret", "parameter", "wrapped"]) assert.deepEqual(await revealed(name), [arn, arn], name);
    assert.deepEqual(await revealed("elsewhere", awsOf(endpoint)), [arn, arn], "by the environment alone");
  });

  test("a refusal tells it too", async () => {
    const before = (await place.audit()).length;
    await place.governed.admin.query("DELETE FROM maskline.policy WHERE action = 'verify'");
    const { code } = await place.maskline("secret", ["verify", ...why], values[0]);
    await place.governed.allow("officer", "verify");
    assert.equal(code, exitCodes[errorCodes.right_missing.exit]);
    const rows = (await place.audit()).slice(before);
    assert.deepEqual(
      rows.map(({ step, principal }) => [step, principal]),
      [["refusal", arn]],
    );
  });

  test("where STS does not answer, or refuses, nothing is opened, told or counted, and the error says what to do", async () => {
    const before = await place.audit();
    const spent = async (): Promise<unknown> =>
      (await place.governed.admin.query("SELECT coalesce(sum(spent), 0)::int AS spent FROM maskline.spending")).rows;
    const spentBefore = await spent();
    const cases: readonly (readonly [url: string, says: RegExp, next: RegExp])[] = [
      // nobody listens at the port of the discard protocol
      ["http://127.0.0.1:9", /AWS did not say \(the service does not answer .*ECONNREFUSED/, /AWS_ENDPOINT_URL_STS/],
      [sts.endpoint, /AWS did not say \(the credentials .* were refused .*ExpiredToken/, /check the AWS credentials/],
    ];
    for (const [url, says, next] of cases) {
      for (const [args, stdin] of [
        [reveal, tokens()],
        [["verify", ...why], values[0]],
      ] as const) {
        const { code, stdout, stderr } = await place.maskline("elsewhere", args, stdin, awsOf(endpoint, url));
        assert.equal(code, exitCodes[errorCodes.audit_unwritable.exit], stderr + stdout);
        const { error } = JSON.parse(stdout) as { error: { code: string; message: string; next: string } };
        assert.equal(error.code, "audit_unwritable");
        assert.match(error.message, says);
        assert.match(error.message, /nothing was opened or changed$/);
        assert.match(error.next, next);
        for (const secret of [...values, ...tokens().split("\n")]) assert.ok(!(stdout + stderr).includes(secret));
      }
    }
    assert.ok(asked > 0, "the one that refuses was asked");
    assert.deepEqual(await place.audit(), before);
    assert.deepEqual(await spent(), spentBefore);
  });

  test("with a ring in a file AWS is not asked, whatever the environment holds, and the principal is null", async () => {
    asked = 0;
    assert.deepEqual(await revealed("officer", awsOf(sts.endpoint)), [null, null]);
    assert.equal(asked, 0);
  });

  test("audit list shows it where there is any, and audit verify finds it altered", async () => {
    const list = async (...more: string[]): Promise<string> => (await place.maskline("admin", ["audit", "list", ...more])).stdout;
    const all = (await list()).split("\n");
    assert.match(all[0] ?? "", / actor +principal +action /);
    assert.ok(all[1]?.includes(arn));
    const none = await list("--limit", "2");
    assert.doesNotMatch(none, /principal|arn:/, "the newest two are of the ring in a file");
    const { entries } = JSON.parse(await list("--json")) as { entries: { entry: { principal: string | null } }[] };
    assert.equal(entries[0]?.entry.principal, arn);
    assert.equal(entries.at(-1)?.entry.principal, null);

    const verified = await place.maskline("admin", ["audit", "verify"]);
    assert.equal(verified.code, 0, verified.stderr);
    await place.governed.admin.query(
      `ALTER TABLE maskline.audit DISABLE TRIGGER ALL;
       UPDATE maskline.audit SET entry = replace(entry, 'user/moto', 'user/another') WHERE sequence = 1`,
    );
    const altered = await place.maskline("admin", ["audit", "verify"]);
    assert.equal(altered.code, exitCodes[errorCodes.audit_broken.exit]);
    assert.match(altered.stderr, /row 1 /);
  });
});
