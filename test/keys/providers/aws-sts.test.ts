import assert from "node:assert/strict";
import { after, before, suite, test, type TestContext } from "node:test";

import { type ErrorCode, MasklineError } from "../../../src/errors.ts";
import { callerIdentity } from "../../../src/keys/providers/aws-sts.ts";
import { keyServices } from "../../engines/key-services.ts";
import { startAnsweringServer } from "../../harness/answering-server.ts";

const services = await keyServices();
const region = "eu-west-1";
const secret = `arn:aws:secretsmanager:${region}:123456789012:secret:ring`;

/** What STS answers, of which only the ARN is looked at. */
const answering = (arn: string): string =>
  `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>${arn}<UserId>AIDA</UserId>
   <Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>`;

/** A server whose answer to everything is this one, and how often it was asked. */
async function answers(
  t: TestContext,
  status: number,
  body: string,
): Promise<{ readonly endpoint: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const { endpoint, stop } = await startAnsweringServer(({ headers }, sent) => {
    asked.push(`${sent.toString("utf8")} ${String(headers.authorization)}`);
    return { status, body, headers: { "content-type": "text/xml" } };
  });
  t.after(stop);
  return { endpoint, asked };
}

async function refusal(endpoint: string, code: ErrorCode): Promise<MasklineError> {
  const error: unknown = await callerIdentity({ region, endpoint }, "ring").catch((refused: unknown) => refused);
  assert.ok(error instanceof MasklineError, String(error));
  assert.equal(error.code, code);
  return error;
}

suite("who AWS says is asking", { skip: services.missing ?? false }, () => {
  let endpoint = "";
  let stop = async (): Promise<void> => {};
  before(async () => {
    ({ endpoint, stop } = await services.start());
  });
  after(() => stop());

  test("is the ARN of GetCallerIdentity, in the region of the ring's ARN where no other is said", async () => {
    assert.equal(await callerIdentity({ region, endpoint }, "ring"), "arn:aws:sts::123456789012:user/moto");
    assert.equal(await callerIdentity({ region: null, endpoint }, secret), "arn:aws:sts::123456789012:user/moto");
  });
});

test("users, sessions of roles and the account are taken, in every partition", async (t) => {
  for (const arn of [
    "arn:aws:iam::123456789012:user/desk/jane@example.com",
    "arn:aws-us-gov:sts::123456789012:assumed-role/privacy-officer/jane",
    "arn:aws-cn:iam::123456789012:root",
  ]) {
    const { endpoint } = await answers(t, 200, answering(`<Arn>${arn}</Arn>`));
    assert.equal(await callerIdentity({ region, endpoint }, "ring"), arn);
  }
});

test("an answer without the ARN of a caller is none, and is not shown", async (t) => {
  const ill = [
    "",
    "<Arn></Arn>",
    "<Arn>jane</Arn>",
    "<Arn>arn:aws:s3:::bucket</Arn>",
    "<Arn>arn:aws:iam::123456789012:user/\u009B2J</Arn>",
  ];
  for (const arn of ill) {
    const { endpoint } = await answers(t, 200, answering(arn));
    const { message, next } = await refusal(endpoint, "key_service_refused");
    assert.equal(message, "AWS STS answered, and not with the ARN of a caller");
    assert.match(next ?? "", /AWS_ENDPOINT_URL_STS/);
  }
});

test("credentials that are refused and a service that fails are told apart, by code and not by text", async (t) => {
  const error = (code: string): string =>
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>canary-4711</Message></Error><RequestId>1</RequestId></ErrorResponse>`;
  const expired = await answers(t, 403, error("ExpiredToken"));
  const denied = await refusal(expired.endpoint, "key_service_denied");
  assert.match(denied.message, /AWS STS\): ExpiredToken/);
  assert.match(denied.next ?? "", /AWS_PROFILE.*no right/);
  const failing = await answers(t, 503, error("ServiceUnavailable"));
  const away = await refusal(failing.endpoint, "key_service_unreachable");
  for (const { message, next } of [denied, away]) assert.doesNotMatch(`${message}${next}`, /canary/);
});

test("a private endpoint of the ring's service is not asked for it: STS has its own", async (t) => {
  const sts = await answers(t, 200, answering("<Arn>arn:aws:iam::123456789012:user/jane</Arn>"));
  const given = { AWS_ENDPOINT_URL_STS: sts.endpoint, AWS_ACCESS_KEY_ID: "a", AWS_SECRET_ACCESS_KEY: "b" };
  const before = Object.keys(given).map((name): [string, string | undefined] => [name, process.env[name]]);
  t.after(() => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  Object.assign(process.env, given);
  const place = { region: null, endpoint: "https://vpce-1.secretsmanager.eu-west-1.vpce.example" };
  assert.equal(await callerIdentity(place, secret), "arn:aws:iam::123456789012:user/jane");
  assert.equal(sts.asked.length, 1);
  assert.match(sts.asked[0] ?? "", /Action=GetCallerIdentity.*\/eu-west-1\/sts\/aws4_request/);
});
