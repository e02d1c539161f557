import assert from "node:assert/strict";
import { test } from "node:test";

import { loadStatements, wholeShape } from "../../src/postgres/load-statement.ts";
import { momentOfCall, StatementMoments } from "./moments.ts";

const target = { schema: "public", table: "user_logins" };
const load = loadStatements("maskline", target, [{ name: "user_id", castType: "text" }]).load(wholeShape);

test("a COMMIT is one of a load only behind a load, on the same connection, and once", () => {
  const moments = new StatementMoments();
  const at = (connection: number, kind: "statement" | "before_commit" | "after_commit", text: string): string | null =>
    moments.momentOf({ kind, text }, connection);
  assert.equal(at(1, "before_commit", "COMMIT"), null);
  assert.equal(at(1, "statement", load), "masked");
  assert.equal(at(2, "before_commit", "COMMIT"), null);
  assert.equal(at(2, "after_commit", "COMMIT"), null);
  assert.equal(at(1, "before_commit", "COMMIT"), "committing");
  assert.equal(at(1, "after_commit", "COMMIT"), "committed");
  assert.equal(at(1, "statement", "INSERT INTO maskline.replica VALUES ($1)"), null);
  assert.equal(at(1, "before_commit", "COMMIT"), null);
});

test("rows that are copied or rekeyed are seen, and a look at the table is not", () => {
  const momentOf = (text: string): string | null => new StatementMoments().momentOf({ kind: "statement", text }, 1);
  assert.equal(momentOf('COPY "public"."user_logins" ("user_id") FROM STDIN'), "masked");
  assert.equal(momentOf('WITH changed AS (\n  UPDATE ONLY public.user_logins AS target SET "masked_ip" = $2'), "rekeying");
  assert.equal(momentOf('SELECT count(*) FROM "public"."user_logins"'), null);
  assert.equal(momentOf("INSERT INTO maskline.ledger VALUES (1); SELECT 'user_logins'"), null);
});

test("a link to an original and its removal are seen, and so is the COMMIT of the removal", () => {
  const moments = new StatementMoments();
  const at = (kind: "statement" | "before_commit" | "after_commit", text: string): string | null =>
    moments.momentOf({ kind, text }, 1);
  assert.equal(at("statement", 'INSERT INTO "maskline".vault_link (domain, token, subject)'), "linking");
  assert.equal(at("before_commit", "COMMIT"), null);
  assert.equal(at("statement", 'SELECT DISTINCT domain, token FROM "maskline".vault_link WHERE subject = $1'), null);
  assert.equal(at("statement", 'WITH gone AS (DELETE FROM "maskline".vault_link WHERE true RETURNING 1) SELECT'), "erasing");
  assert.equal(at("before_commit", "COMMIT"), "committing");
  assert.equal(at("after_commit", "COMMIT"), "committed");
});

test("a receive is a moment when it is asked for, and again when it brings something", () => {
  const call = { client: "worker", queue: "login-queue", messages: 0 };
  assert.equal(momentOfCall({ ...call, action: "ReceiveMessage", phase: "asked", messages: 10 }), "parked");
  assert.equal(momentOfCall({ ...call, action: "ReceiveMessage", phase: "done" }), null);
  assert.equal(momentOfCall({ ...call, action: "ReceiveMessage", phase: "done", messages: 1 }), "received");
  assert.equal(momentOfCall({ ...call, action: "DeleteMessageBatch", phase: "asked" }), "deleting");
  assert.equal(momentOfCall({ ...call, action: "DeleteMessageBatch", phase: "done" }), null);
  assert.equal(momentOfCall({ ...call, action: "ChangeMessageVisibilityBatch", phase: "asked" }), "extending");
  assert.equal(momentOfCall({ ...call, action: "GetQueueAttributes", phase: "asked" }), null);
});
