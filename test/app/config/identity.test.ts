import assert from "node:assert/strict";
import { test } from "node:test";

import { receiptKeyOf } from "../../../src/app/assemble-sink.ts";
import { faultsOf, load } from "../../harness/configuration.ts";

const columns = `columns:
  name: { type: text }
  masked_ip: { from: client.ip, type: ip, mask: { kind: siv, domain: ip } }
  hidden: { from: secret, type: text, mask: { kind: redact } }
  header: { from: $attributes.user, type: text, mask: { kind: hmac, domain: user } }
  note: { type: text, scan: [email], mask: { kind: siv, domain: note } }
  payload:
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv, domain: ip } }
      devices.*.id: { type: text, mask: { kind: hmac, domain: device } }
`;

const text = (identity: string): string => `identity: ${identity}\n${columns}`;

/** The column that stands in the way, or what else is said of the identity; null when nothing is. */
function refusal(identity: string): string | null {
  const faults = faultsOf(text(identity));
  assert.ok(faults.length < 2);
  const [fault = null] = faults;
  if (fault === null) return null;
  assert.match(fault, /^maskline\.yaml:1 {2}identity {2}/);
  return /what column (\w+) masks/.exec(fault)?.[1] ?? fault.replace(/^.*identity {2}/, "");
}

test("an identity that is, holds or lies in what is masked is refused, inside JSON and scanned texts too", () => {
  assert.equal(refusal("client.ip"), "masked_ip");
  assert.equal(refusal("client"), "masked_ip");
  assert.equal(refusal("client.ip.first"), "masked_ip");
  assert.equal(refusal("secret"), "hidden");
  assert.equal(refusal("$attributes.user"), "header");
  assert.equal(refusal("note"), "note");
  assert.equal(refusal("note.first"), "note");
  assert.equal(refusal("payload"), "payload");
  assert.equal(refusal("payload.client"), "payload");
  assert.equal(refusal("payload.client.ip"), "payload");
  assert.equal(refusal("payload.client.ip.first"), "payload");
  assert.equal(refusal("payload.devices"), "payload");
  assert.equal(refusal("payload.devices.0.id"), "payload");
  assert.equal(refusal("payload.devices.a.b.id"), "payload");
});

test("any other field, or attribute, can be the identity", () => {
  const identities = [
    "name",
    "event_id",
    "event.id",
    "client_ip",
    "clients.ip",
    "client.id",
    "payload.event_id",
    "payload.client.id",
  ];
  for (const identity of [...identities, "payload.devices.0.name", "$attributes.event_id", "$attributes.user.id", "$message_id"]) {
    assert.equal(refusal(identity), null, identity);
  }
});

test("what is no identity is told with what is allowed", () => {
  assert.match(refusal("a..b") ?? "", /^a\.\.b is not a path: it has an empty part/);
  assert.match(
    refusal("$sent_at") ?? "",
    /^\$sent_at is not known; allowed: \$message_id, a path into the body, \$attributes\.NAME$/,
  );
  assert.match(refusal("$group_id") ?? "", /all but the first of a group would count as duplicates$/);
  assert.match(refusal('""') ?? "", /^is empty/);
});

test("receipts are kept by sent time and id, and by the id alone for FIFO queues and identities", () => {
  const key = (parts: string): string => receiptKeyOf(load(`${parts}\n${columns}`));
  assert.equal(key(""), "sent");
  assert.equal(key("identity: $message_id"), "sent");
  assert.equal(key("source: { sqs: { queue: http://localhost/0/logins } }"), "sent");
  assert.equal(key("source: { sqs: { queue: http://localhost/0/logins.fifo } }"), "id");
  assert.equal(key("identity: event_id"), "id");
  assert.equal(key("identity: $attributes.event_id"), "id");
});

test("a contract without an identity of its own is the one it always was", () => {
  assert.equal(load(columns).contract.identity, undefined);
  assert.equal(load(text("$message_id")).contract.identity, undefined);
  assert.equal(load(text("event_id")).contract.identity, "event_id");
});
