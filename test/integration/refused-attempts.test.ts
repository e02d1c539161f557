import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import type { ErrorCode } from "../../src/errors.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { personal, type Refused, RefusingPlace, why } from "../harness/refusals.ts";

const reveal = (column: string, ...more: readonly string[]): readonly string[] => [
  "reveal",
  "--column",
  column,
  "--plain-output",
  ...more,
  ...why,
];
const verify = (column: string): readonly string[] => ["verify", "--column", column, ...why];
const erase = ["erase", "--subject", "user_id", ...why];
const replay = (...which: readonly string[]): readonly string[] => ["quarantine", "replay", ...which, ...why];
const discard = (...which: readonly string[]): readonly string[] => ["quarantine", "discard", ...which, ...why];
const show = (id: string): readonly string[] => ["quarantine", "show", id, "--masked", ...why];
const allow = ["policy", "allow"];
const nowhere = randomUUID();

const functions = {
  pending: "EXECUTE ON FUNCTION maskline.pending_approval(uuid)",
  approve: "EXECUTE ON FUNCTION maskline.approve(uuid, jsonb, text)",
};

/** A refusal told by itself. */
function refusal(action: string, domain: string, refused: string): Refused["told"] {
  return [["refusal", action, domain, { refused }]];
}

/** What came of an act that was permitted and gave nothing. */
function nothing(action: string, domain: string, outcome: Readonly<Record<string, unknown>>): Refused["told"] {
  return [
    ["intent", action, domain, null],
    ["result", action, domain, outcome],
  ];
}

const unfitColumn = (action: string, domain: string): Pick<Refused, "code" | "told"> => ({
  code: "usage",
  told: refusal(action, domain, "column_unfit"),
});

type Cell = Omit<Refused, "person"> & { readonly person?: string };

/** Refused for what the error says, before it became an act. */
function fails(code: ErrorCode, args: readonly string[], action: string, domain: string, stdin: string = ""): Cell {
  return { args, stdin, code, told: refusal(action, domain, code) };
}

/** The same, for a right in the database that is not there. */
function lacking(without: string, args: readonly string[], action: string, domain: string, stdin: string = ""): Cell {
  return { ...fails("database_denied", args, action, domain, stdin), without };
}

/** Permitted, and the result counts the token that did not open. */
function unopened(
  token: string,
  failure: string,
  args: readonly string[] = reveal("masked_ip"),
  action: string = "reveal",
  domain: string = "login.ip",
): Cell {
  const told = nothing(action, domain, { opened: 0, failures: { [failure]: 1 } });
  return { args, stdin: token, code: "tokens_unopened", told };
}

/** By what is attempted. Whoever attempts it has every right but the one that is named. */
const cells: Readonly<Record<string, (place: RefusingPlace) => Cell>> = {
  "reveal a token of another key": () => unopened(foreignToken(), "unknown_key"),
  "reveal an altered token": ({ tokens }) => unopened(altered(tokens["masked_ip"]), "not_authentic"),
  "reveal a token of another column": ({ tokens }) => unopened(tokens["masked_device_id"] ?? "", "not_authentic"),
  "reveal a part of a token of another column": ({ tokens }) =>
    unopened(tokens["masked_device_id"] ?? "", "not_authentic", reveal("masked_ip", "--partial"), "reveal-partial", "login.ip"),
  "reveal what is no token": () => unopened("no-token", "not_a_token"),
  "reveal a token that the vault does not have": ({ tokens }) =>
    unopened(altered(tokens["masked_phone"]), "no_original", reveal("masked_phone"), "reveal", "login.phone"),
  "reveal of the vault, without a right on it": ({ tokens }) => ({
    args: reveal("masked_phone"),
    stdin: tokens["masked_phone"] ?? "",
    without: "SELECT ON maskline.vault",
    code: "database_denied",
    told: nothing("reveal", "login.phone", { opened: 0, failures: {}, failed: "database_denied" }),
  }),
  "reveal a one-way column": ({ tokens }) => ({
    args: reveal("masked_mail"),
    stdin: tokens["masked_mail"] ?? "",
    ...unfitColumn("reveal", "login.mail"),
  }),
  "reveal a column that is not masked": () => ({ args: reveal("user_id"), stdin: "u-1", ...unfitColumn("reveal", "*") }),
  "reveal a column that is not there": () => ({ args: reveal("CANARY"), stdin: "x", ...unfitColumn("reveal", "*") }),
  "reveal from a table that may not be read": () =>
    lacking("SELECT ON user_logins", reveal("masked_ip", "--where", "user_id=u-1"), "reveal", "login.ip"),
  "reveal from rows that are not there": () =>
    fails("not_found", reveal("masked_ip", "--where", "user_id=nobody"), "reveal", "login.ip"),

  "verify a value that the column does not take": () =>
    fails("value_unfit", verify("masked_ip"), "verify", "login.ip", personal.refused),
  "verify in a column that is not masked": () => ({ args: verify("user_id"), stdin: "u-1", ...unfitColumn("verify", "*") }),
  "verify in a column that is not there": () => ({ args: verify("CANARY"), stdin: "x", ...unfitColumn("verify", "*") }),
  "verify in a table that may not be read": ({ tokens }) => ({
    args: verify("masked_ip"),
    stdin: personal.ip,
    without: "SELECT ON user_logins",
    code: "database_denied",
    told: nothing("verify", "login.ip", { answered: false, failed: "database_denied" }),
    hides: [tokens["masked_ip"] ?? ""],
  }),

  "erase by a column that is no subject's": () => ({
    args: ["erase", "--subject", "masked_ip", ...why],
    stdin: "u-1",
    ...unfitColumn("erase", "*"),
  }),
  "erase by a column that is not there": () => ({
    args: ["erase", "--subject", "CANARY", ...why],
    stdin: "u-1",
    ...unfitColumn("erase", "*"),
  }),
  "erase whom the column cannot name": () => fails("value_unfit", erase, "erase", "*", "u".repeat(129)),
  "erase without a right on the vault": () => ({
    args: erase,
    stdin: "u-1",
    without: "SELECT ON maskline.vault",
    code: "database_denied",
    told: nothing("erase", "*", { failed: "database_denied" }),
  }),
  "erase without a right on the links": () => lacking("SELECT ON maskline.vault_link", erase, "erase", "*", "u-1"),
  "erase without a right on the quarantine": () => lacking("SELECT ON maskline.quarantine", erase, "erase", "*", "u-1"),
  "erase without a right on the table": () => lacking("SELECT ON user_logins", erase, "erase", "*", "u-1"),
  "rehearse an erasure without a right on the links": () =>
    lacking("SELECT ON maskline.vault_link", [...erase, "--dry-run"], "erase", "*", "u-1"),

  "replay a message that is not there": () => fails("not_found", replay(nowhere), "replay", "quarantine"),
  "replay without a right on the quarantine": () =>
    lacking("SELECT ON maskline.quarantine", replay("--all"), "replay", "quarantine"),
  "replay into a table that may not be written": () => ({
    args: replay("--all"),
    without: "INSERT ON user_logins",
    code: "target_misfit",
    told: refusal("replay", "quarantine", "target_misfit"),
  }),
  "discard a message that is not there": () => fails("not_found", discard(nowhere), "replay", "quarantine"),
  "discard without a right to read the quarantine": () =>
    lacking("SELECT ON maskline.quarantine", discard("--all"), "replay", "quarantine"),
  "discard without a right to take from the quarantine": () => ({
    args: discard("--all"),
    without: "DELETE ON maskline.quarantine",
    code: "database_denied",
    told: nothing("replay", "quarantine", { discarded: 0, failed: "database_denied" }),
  }),
  "show a message that is not there": () => fails("not_found", show(nowhere), "reveal-partial", "quarantine"),
  "show without a right on the quarantine": ({ message }) =>
    lacking("SELECT ON maskline.quarantine", show(message), "reveal-partial", "quarantine"),

  "approve what nobody asked for": () => ({
    args: ["approve", nowhere, "--yes"],
    code: "approval_unfit",
    told: refusal("approve", "*", "not_there"),
  }),
  "approve without a right to look": () => ({
    args: ["approve", nowhere, "--yes"],
    without: functions.pending,
    code: "right_missing",
    told: refusal("approve", "*", "no_right"),
  }),
  "approve without knowing the ring": () =>
    lacking("SELECT ON maskline.mask_definition", ["approve", nowhere, "--yes"], "approve", "*"),

  "allow without a reason": () => ({
    args: [...allow, "officer", "reveal", "--domain", "*"],
    code: "usage",
    told: refusal("policy", "*", "unexplained"),
  }),
  "allow without keeping the policy": () => ({
    args: [...allow, "officer", "reveal", "--domain", "login.ip", ...why],
    code: "right_missing",
    told: refusal("policy", "login.ip", "no_right"),
  }),
  "allow a role that is not there": () => ({
    person: "keeper",
    args: [...allow, "nobody_at_all", "reveal", "--domain", "*", ...why],
    code: "not_found",
    told: refusal("policy", "*", "not_there"),
  }),
  "allow without knowing the ring": () => ({
    person: "keeper",
    args: [...allow, "officer", "reveal", "--domain", "*", ...why],
    without: "SELECT ON maskline.mask_definition",
    code: "database_denied",
    told: refusal("policy", "*", "database_denied"),
  }),
  "deny without a ticket": () => ({
    args: ["policy", "deny", "officer", "reveal", "--domain", "*", "--reason", "the desk is closed"],
    code: "usage",
    told: refusal("policy", "*", "unexplained"),
  }),
  "deny without keeping the policy": () => ({
    args: ["policy", "deny", "officer", "reveal", "--domain", "*", ...why],
    code: "right_missing",
    told: refusal("policy", "*", "no_right"),
  }),
  "deny what nothing allows": () => ({
    person: "keeper",
    args: ["policy", "deny", "keeper", "reveal", "--domain", "*", ...why],
    code: "not_found",
    told: refusal("policy", "*", "not_there"),
  }),
};

function foreignToken(): string {
  const keys = createKeyRing(randomBytes).domainKeys("siv", "login.ip");
  const mask = createMask({ kind: "siv", domain: "login.ip", type: "ip", encode: "packed", key: null, settings: {} }, keys);
  return mask.apply([personal.ip])[0] ?? "";
}

/** Another character in the middle. */
function altered(token: string = ""): string {
  const middle = Math.floor(token.length / 2);
  return token.slice(0, middle) + (token[middle] === "A" ? "B" : "A") + token.slice(middle + 1);
}

suite("an attempt upon what one may not open leaves its row in the audit", () => {
  let server: PostgresServer;
  let place: RefusingPlace;
  before(async () => {
    server = await startPostgres();
    place = await RefusingPlace.create(server);
    for (const person of ["officer", "paired", "keeper", "bystander"]) await place.person(person);
    for (const action of ["verify", "reveal", "reveal-partial", "erase", "replay", "approve"])
      await place.revealing.governed.allow("officer", action);
    await place.revealing.governed.allow("paired", "reveal", { alone: 0 });
    await place.query(
      `GRANT EXECUTE ON FUNCTION maskline.set_policy(text, text, text, integer, integer), maskline.drop_policy(text, text, text) TO keeper`,
    );
  });
  after(async () => {
    await place?.close();
    await server?.stop();
  });

  for (const [attempt, cell] of Object.entries(cells)) {
    test(attempt, async () => {
      await place.assertRefused({ person: "officer", ...cell(place) });
    });
  }

  test("an approval is of another person, who may approve, in time, once", async () => {
    const asked = await place.asksForApproval("paired", reveal("masked_ip"), place.tokens["masked_ip"] ?? "");
    const approve = ["approve", asked, "--yes"];
    const refused = (person: string, told: string, code: Refused["code"] = "approval_unfit"): Promise<unknown> =>
      place.assertRefused({ person, args: approve, code, told: refusal("approve", "login.ip", told) });
    await refused("paired", "own");
    await refused("bystander", "no_right", "right_missing");
    await place.query("UPDATE maskline.approval SET expires_at = now() WHERE id = $1", [asked]);
    await refused("officer", "expired");
    await place.query("UPDATE maskline.approval SET expires_at = now() + interval '1 hour' WHERE id = $1", [asked]);
    await place.assertRefused({
      person: "officer",
      args: approve,
      without: functions.approve,
      code: "right_missing",
      told: refusal("approve", "login.ip", "no_right"),
    });
    const given = await place.run({ person: "officer", args: approve });
    assert.equal(given.code, 0, given.stderr);
    await refused("officer", "taken");
  });

  test("a ring that is not this database's writes nothing into its audit", async () => {
    await createKeyRingFile(path.join(place.revealing.folder, "other.json"), createKeyRing(randomBytes));
    const args = [...verify("masked_ip"), "--set", "keyring=file:other.json"];
    const wrong = { person: "officer", args, stdin: personal.ip, told: [] };
    await place.assertRefused({ ...wrong, code: "key_mismatch" });
    await place.assertRefused({ ...wrong, code: "database_denied", without: "SELECT ON maskline.ring_key" });
  });

  test("what is only wrongly typed is told to nobody", async () => {
    const typed = [
      reveal("masked_ip", "--limit", "3"),
      ["reveal", ...why],
      ["erase", ...why],
      ["quarantine", "replay", ...why],
      ["quarantine", "show", "--masked", ...why],
      ["approve", "no-id"],
      [...allow, "officer", "look", ...why],
    ];
    for (const args of typed) await place.assertRefused({ person: "officer", args, code: "usage", told: [] });
  });
});
