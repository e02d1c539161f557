import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
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
  approve: "EXECUTE ON FUNCTION maskline.approve(uuid, bytea)",
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

const notOpened = (failure: string): Readonly<Record<string, unknown>> => ({ opened: 0, failures: { [failure]: 1 } });
const denied = (action: string, domain: string): Pick<Refused, "code" | "told"> => ({
  code: "database_denied",
  told: refusal(action, domain, "database_denied"),
});
const unfitColumn = (action: string, domain: string): Pick<Refused, "code" | "told"> => ({
  code: "usage",
  told: refusal(action, domain, "column_unfit"),
});

type Cell = Omit<Refused, "person"> & { readonly person?: string };

/** By what is attempted. Whoever attempts it has every right but the one that is named. */
const cells: Readonly<Record<string, (place: RefusingPlace) => Cell>> = {
  "reveal a token of another key": () => ({
    args: reveal("masked_ip"),
    stdin: foreignToken(),
    code: "tokens_unopened",
    told: nothing("reveal", "login.ip", notOpened("unknown_key")),
  }),
  "reveal an altered token": ({ tokens }) => ({
    args: reveal("masked_ip"),
    stdin: altered(tokens["masked_ip"]),
    code: "tokens_unopened",
    told: nothing("reveal", "login.ip", notOpened("not_authentic")),
  }),
  "reveal a token of another column": ({ tokens }) => ({
    args: reveal("masked_ip"),
    stdin: tokens["masked_device_id"] ?? "",
    code: "tokens_unopened",
    told: nothing("reveal", "login.ip", notOpened("not_authentic")),
  }),
  "reveal a part of a token of another column": ({ tokens }) => ({
    args: reveal("masked_ip", "--partial"),
    stdin: tokens["masked_device_id"] ?? "",
    code: "tokens_unopened",
    told: nothing("reveal-partial", "login.ip", notOpened("not_authentic")),
  }),
  "reveal what is no token": () => ({
    args: reveal("masked_ip"),
    stdin: "no-token",
    code: "tokens_unopened",
    told: nothing("reveal", "login.ip", notOpened("not_a_token")),
  }),
  "reveal a token that the vault does not have": ({ tokens }) => ({
    args: reveal("masked_phone"),
    stdin: altered(tokens["masked_phone"]),
    code: "tokens_unopened",
    told: nothing("reveal", "login.phone", notOpened("not_a_token")),
  }),
  "reveal of the vault, without a right on it": ({ tokens }) => ({
    args: reveal("masked_phone"),
    stdin: tokens["masked_phone"] ?? "",
    without: "SELECT ON maskline.vault",
    code: "database_denied",
    told: nothing("reveal", "login.phone", { opened: 0, failures: {}, ended: "database_denied" }),
  }),
  "reveal a one-way column": ({ tokens }) => ({
    args: reveal("masked_mail"),
    stdin: tokens["masked_mail"] ?? "",
    ...unfitColumn("reveal", "login.mail"),
  }),
  "reveal a column that is not masked": () => ({ args: reveal("user_id"), stdin: "u-1", ...unfitColumn("reveal", "*") }),
  "reveal a column that is not there": () => ({ args: reveal("CANARY"), stdin: "x", ...unfitColumn("reveal", "*") }),
  "reveal from a table that may not be read": () => ({
    args: reveal("masked_ip", "--where", "user_id=u-1"),
    without: "SELECT ON user_logins",
    ...denied("reveal", "login.ip"),
  }),
  "reveal from rows that are not there": () => ({
    args: reveal("masked_ip", "--where", "user_id=nobody"),
    code: "not_found",
    told: refusal("reveal", "login.ip", "not_found"),
  }),

  "verify a value that the column does not take": () => ({
    args: verify("masked_ip"),
    stdin: personal.refused,
    code: "value_unfit",
    told: refusal("verify", "login.ip", "value_unfit"),
  }),
  "verify in a column that is not masked": () => ({ args: verify("user_id"), stdin: "u-1", ...unfitColumn("verify", "*") }),
  "verify in a column that is not there": () => ({ args: verify("CANARY"), stdin: "x", ...unfitColumn("verify", "*") }),
  "verify in a table that may not be read": ({ tokens }) => ({
    args: verify("masked_ip"),
    stdin: personal.ip,
    without: "SELECT ON user_logins",
    code: "database_denied",
    told: nothing("verify", "login.ip", { answered: false }),
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
  "erase whom the column cannot name": () => ({
    args: erase,
    stdin: "u".repeat(129),
    code: "value_unfit",
    told: refusal("erase", "*", "value_unfit"),
  }),
  "erase without a right on the vault": () => ({
    args: erase,
    stdin: "u-1",
    without: "SELECT ON maskline.vault",
    code: "database_denied",
    told: nothing("erase", "*", { failed: "database_denied" }),
  }),
  "erase without a right on the links": () => ({
    args: erase,
    stdin: "u-1",
    without: "SELECT ON maskline.vault_link",
    ...denied("erase", "*"),
  }),
  "erase without a right on the quarantine": () => ({
    args: erase,
    stdin: "u-1",
    without: "SELECT ON maskline.quarantine",
    ...denied("erase", "*"),
  }),
  "erase without a right on the table": () => ({
    args: erase,
    stdin: "u-1",
    without: "SELECT ON user_logins",
    ...denied("erase", "*"),
  }),
  "rehearse an erasure without a right on the links": () => ({
    args: [...erase, "--dry-run"],
    stdin: "u-1",
    without: "SELECT ON maskline.vault_link",
    ...denied("erase", "*"),
  }),

  "replay a message that is not there": () => ({
    args: replay(nowhere),
    code: "not_found",
    told: refusal("replay", "quarantine", "not_found"),
  }),
  "replay without a right on the quarantine": () => ({
    args: replay("--all"),
    without: "SELECT ON maskline.quarantine",
    ...denied("replay", "quarantine"),
  }),
  "replay into a table that may not be written": () => ({
    args: replay("--all"),
    without: "INSERT ON user_logins",
    code: "target_misfit",
    told: refusal("replay", "quarantine", "target_misfit"),
  }),
  "discard a message that is not there": () => ({
    args: discard(nowhere),
    code: "not_found",
    told: refusal("replay", "quarantine", "not_found"),
  }),
  "discard without a right to read the quarantine": () => ({
    args: discard("--all"),
    without: "SELECT ON maskline.quarantine",
    ...denied("replay", "quarantine"),
  }),
  "discard without a right to take from the quarantine": () => ({
    args: discard("--all"),
    without: "DELETE ON maskline.quarantine",
    code: "database_denied",
    told: nothing("replay", "quarantine", { discarded: 0, failed: "database_denied" }),
  }),
  "show a message that is not there": () => ({
    args: show(nowhere),
    code: "not_found",
    told: refusal("reveal-partial", "quarantine", "not_found"),
  }),
  "show without a right on the quarantine": ({ message }) => ({
    args: show(message),
    without: "SELECT ON maskline.quarantine",
    ...denied("reveal-partial", "quarantine"),
  }),

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
  "approve without knowing the ring": () => ({
    args: ["approve", nowhere, "--yes"],
    without: "SELECT ON maskline.mask_definition",
    ...denied("approve", "*"),
  }),

  "allow without a reason": () => ({
    args: [...allow, "officer", "reveal"],
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
    args: [...allow, "nobody_at_all", "reveal", ...why],
    code: "not_found",
    told: refusal("policy", "*", "not_there"),
  }),
  "allow without knowing the ring": () => ({
    person: "keeper",
    args: [...allow, "officer", "reveal", ...why],
    without: "SELECT ON maskline.mask_definition",
    ...denied("policy", "*"),
  }),
  "deny without a ticket": () => ({
    args: ["policy", "deny", "officer", "reveal", "--reason", "the desk is closed"],
    code: "usage",
    told: refusal("policy", "*", "unexplained"),
  }),
  "deny without keeping the policy": () => ({
    args: ["policy", "deny", "officer", "reveal", ...why],
    code: "right_missing",
    told: refusal("policy", "*", "no_right"),
  }),
  "deny what nothing allows": () => ({
    person: "keeper",
    args: ["policy", "deny", "keeper", "reveal", ...why],
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
