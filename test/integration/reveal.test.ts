import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { exitCodes } from "../../src/errors.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { giveApproval, readApproval } from "../../src/postgres/recovery/approvals.ts";
import { postgresServers } from "../engines/postgres-servers.ts";
import { type PlainRow, RevealingPlace } from "../harness/revealing-place.ts";
import type { Finished } from "../harness/workspace.ts";

const why = ["--reason", "asked for by the court", "--ticket", "T-1"];
const ips = ["203.0.113.7", "2001:db8:c0de::17", "198.51.100.9"];

function row(parts: Partial<PlainRow>): PlainRow {
  return {
    user_id: "u-1",
    masked_ip: ips[0] as string,
    masked_device_id: "593-47-5928",
    masked_host: "192.0.2.44",
    masked_net: "2001:db8:1::9",
    masked_card: "4711-0815",
    masked_mail: "ann@example.com",
    seen: "2026-11-20",
    ...parts,
  };
}

const rows: readonly PlainRow[] = [
  row({}),
  row({ user_id: "u-2", masked_ip: ips[1] as string, seen: "2026-11-18" }),
  row({ user_id: "u-2", masked_ip: ips[2] as string }),
  row({ user_id: "u-3", seen: "2026-11-21" }),
];

/** The lines of `--json`: what was shown. */
function shown({ stdout }: Finished): readonly Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => !("error" in line));
}

function values(finished: Finished): readonly unknown[] {
  return shown(finished).flatMap((line) => ("value" in line ? [line["value"]] : []));
}

for (const { name, missing, start } of postgresServers()) {
  suite(`reveal and verify on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let place: RevealingPlace;
    before(async () => {
      server = await start();
      place = await RevealingPlace.create(server);
      await place.insert(rows);
      for (const person of ["officer", "helpdesk", "nobody", "second"]) await place.person(person);
      await place.governed.allow("officer", "reveal", { perDay: 1_000, alone: 50 });
      await place.governed.allow("officer", "verify");
      await place.governed.allow("helpdesk", "reveal-partial", { domain: "login.ip", perDay: 3 });
      await place.governed.allow("second", "approve");
    });
    after(async () => {
      await place?.close();
      await server?.stop();
    });

    const reveal = (person: string, column: string, tokens: readonly string[], ...more: string[]): Promise<Finished> =>
      place.maskline(person, ["reveal", "--column", column, "--plain-output", "--json", ...why, ...more], tokens.join("\n"));

    test("tokens on stdin open for who has the right, each once, between an intent and a result", async () => {
      const before = (await place.audit()).length;
      const tokens = place.tokens("masked_ip", ips);
      const done = await reveal("officer", "masked_ip", [...tokens, ...tokens]);
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(values(done), ips);
      assert.match(done.stderr, /^audit \d+:[\da-f]{64} key \d+ signature /m);
      const told = (await place.audit()).slice(before);
      assert.deepEqual(
        told.map(({ step, actor, action, domain, amount, outcome }) => ({ step, actor, action, domain, amount, outcome })),
        ["intent", "result"].map((step) => ({
          step,
          actor: "officer",
          action: "reveal",
          domain: "login.ip",
          amount: 3,
          outcome: step === "intent" ? null : { opened: 3, failures: {} },
        })),
      );
    });

    test("--where gives the distinct tokens of the rows that fit, whatever the columns' types", async () => {
      const cases: readonly (readonly [column: string, where: readonly string[], found: readonly string[]])[] = [
        ["masked_ip", ["user_id=u-2"], [ips[1] as string, ips[2] as string]],
        ["masked_ip", ["user_id like u-%", "seen>=2026-11-20"], [ips[0] as string, ips[2] as string]],
        ["masked_ip", ["seen < 2026-11-20"], [ips[1] as string]],
        ["masked_device_id", ["seen!=2026-11-18"], ["593-47-5928"]],
        ["masked_host", ['"user_id" = u-1'], ["192.0.2.44"]],
        ["masked_net", ["user_id=u-1"], ["2001:db8:1::9"]],
        ["masked_card", ["user_id=u-1"], ["4711-0815"]],
      ];
      for (const [column, where, found] of cases) {
        const done = await reveal("officer", column, [], ...where.flatMap((one) => ["--where", one]));
        assert.equal(done.code, 0, done.stderr);
        assert.deepEqual(values(done).toSorted(), [...found].sort(), `${column} ${where.join()}`);
      }
      const limited = await reveal("officer", "masked_ip", [], "--where", "user_id=u-2", "--limit", "1");
      assert.equal(values(limited).length, 1);
      assert.match(limited.stderr, /more than 1 tokens that fit/);
    });

    test("more tokens than are taken without --limit are refused before anything is asked for; --limit stands in the audit", async () => {
      const before = (await place.audit()).length;
      const address = (index: number): string => `10.0.${index >> 8}.${index & 255}`;
      await place.insert(Array.from({ length: 1_001 }, (_, index) => row({ user_id: "u-many", masked_ip: address(index) })));
      try {
        const refused = await reveal("officer", "masked_ip", [], "--where", "user_id=u-many");
        assert.equal(refused.code, exitCodes.usage, refused.stderr);
        assert.match(refused.stdout, /more than 1,000 tokens[^]*--limit N takes the first N/);
        assert.deepEqual(values(refused), []);
        assert.equal((await place.audit()).length, before, "nothing is counted or told");
        const cut = await reveal("officer", "masked_ip", [], "--where", "user_id=u-many", "--limit", "3");
        assert.equal(cut.code, exitCodes.done, cut.stderr);
        assert.equal(values(cut).length, 3);
        assert.match(cut.stderr, /more than 3 tokens that fit: these are the first/);
        assert.deepEqual(
          (await place.audit()).slice(before).map(({ details }) => details["limit"]),
          [3, 3],
        );
        await place.governed.admin.query(
          "DELETE FROM user_logins WHERE ctid = (SELECT max(ctid) FROM user_logins WHERE user_id = 'u-many')",
        );
        const asked = await reveal("officer", "masked_ip", [], "--where", "user_id=u-many");
        assert.equal(asked.code, exitCodes.denied, "a thousand are taken, and are more than one person may open alone");
        assert.equal((await place.audit()).at(-1)?.details["limit"], undefined);
      } finally {
        await place.governed.admin.query("DELETE FROM user_logins WHERE user_id = 'u-many'");
      }
    });

    test("what stands in --where is data: no SQL, no column that is not there, no value that the column does not read", async () => {
      const before = (await place.audit()).length;
      for (const where of ["nothing=1", "seen=no-day", "user_id", "user_id;DROP TABLE user_logins=1", "1=1", ""]) {
        const done = await reveal("officer", "masked_ip", [], "--where", where);
        assert.equal(done.code, exitCodes.usage, `${where}: ${done.stderr}`);
        assert.deepEqual(values(done), []);
      }
      const none = await reveal("officer", "masked_ip", [], "--where", "user_id=' OR true --");
      assert.equal(none.code, exitCodes.failed);
      assert.match(none.stdout, /"code":"not_found"/);
      const told = (await place.audit()).slice(before);
      assert.deepEqual(
        told.map(({ step, outcome }) => [step, outcome]),
        [["refusal", { refused: "not_found" }]],
        "what is wrongly typed is no attempt",
      );
      assert.equal((await place.governed.admin.query("SELECT FROM user_logins")).rowCount, rows.length);
    });

    test("a partial reveal shows a part, and is all that its right gives", async () => {
      const tokens = place.tokens("masked_ip", ips.slice(0, 2));
      const partial = await reveal("helpdesk", "masked_ip", tokens, "--partial");
      assert.equal(partial.code, 0, partial.stderr);
      assert.deepEqual(values(partial), ["203.0.113.0/24", "2001:db8:c0de::/48"]);
      for (const value of ips) assert.ok(!partial.stdout.includes(`"${value}"`));
      const refusals = [
        [await reveal("helpdesk", "masked_ip", tokens.slice(0, 1)), "right_missing"],
        [
          await reveal("helpdesk", "masked_device_id", place.tokens("masked_device_id", ["593-47-5928"]), "--partial"),
          "right_missing",
        ],
        [await reveal("helpdesk", "masked_ip", tokens, "--partial"), "limit_reached"],
        [await reveal("nobody", "masked_ip", tokens), "right_missing"],
      ] as const;
      for (const [done, code] of refusals) {
        assert.equal(done.code, exitCodes.denied, done.stderr);
        assert.match(done.stdout, new RegExp(`"code":"${code}"`));
        assert.deepEqual(values(done), []);
      }
      const told = (await place.audit()).slice(-4);
      assert.deepEqual(
        told.map(({ step, outcome }) => [step, outcome?.["refused"]]),
        [
          ["refusal", "no_right"],
          ["refusal", "no_right"],
          ["refusal", "over_limit"],
          ["refusal", "no_right"],
        ],
      );
    });

    test("without a reason or a ticket it is a clear error, nothing is shown, and the audit has the refusal", async () => {
      const [token = ""] = place.tokens("masked_ip", ips);
      for (const command of ["reveal", "verify"]) {
        const done = await place.maskline("officer", [command, "--column", "masked_ip", "--json", "--ticket", "T-1"], token);
        assert.equal(done.code, exitCodes.usage, done.stderr);
        assert.match(done.stdout, /wants a reason/);
        const last = (await place.audit()).at(-1);
        assert.deepEqual(
          [last?.step, last?.actor, last?.action, last?.outcome],
          ["refusal", "officer", command, { refused: "unexplained" }],
        );
      }
      const bare = await place.maskline("officer", ["reveal", "--column", "masked_ip", "--reason", "a court order"], token);
      assert.match(bare.stderr, /wants a ticket/);
      assert.deepEqual((await place.audit()).at(-1)?.outcome, { refused: "unexplained" });
    });

    test("what is no token of the column is named with its reason, the others are shown", async () => {
      const [token = ""] = place.tokens("masked_ip", ips);
      const foreign = createMask(
        { kind: "siv", domain: "login.ip", type: "ip", encode: "packed", key: null, settings: {} },
        createKeyRing(randomBytes).domainKeys("siv", "login.ip"),
      );
      const wrong = place.tokens("masked_device_id", ["593-47-5928"])[0] ?? "";
      const unknown = foreign.apply(["203.0.113.8"])[0] ?? "";
      const done = await reveal("officer", "masked_ip", [wrong, token, unknown, "203.0.113.9"]);
      assert.equal(done.code, exitCodes.failed);
      assert.deepEqual(shown(done), [
        { token: wrong, failure: "not_authentic" },
        { token, value: ips[0] },
        { token: unknown, failure: "unknown_key" },
        { token: "203.0.113.9", failure: "not_a_token" },
      ]);
      assert.match(done.stdout, /"code":"tokens_unopened"/);
      assert.deepEqual((await place.audit()).at(-1)?.outcome, {
        opened: 1,
        failures: { not_a_token: 1, not_authentic: 1, unknown_key: 1 },
      });
      assert.doesNotMatch(done.stderr, /203\.0\.113\.9/, "what looks like a value is not repeated where it may be logged");
    });

    test("above the threshold a second person has to allow this very list, in time, once", async () => {
      const many = Array.from({ length: 60 }, (_, index) => `203.0.113.${100 + index}`);
      const tokens = place.tokens("masked_ip", many);
      const asked = await reveal("officer", "masked_ip", tokens);
      assert.equal(asked.code, exitCodes.denied);
      const id = /--approval ([\da-f-]{36})/.exec(asked.stdout)?.[1] ?? "";
      const refused = async (list: readonly string[]): Promise<void> => {
        const done = await reveal("officer", "masked_ip", list, "--approval", id);
        assert.equal(done.code, exitCodes.denied, done.stderr);
        assert.match(done.stdout, /"code":"approval_unfit"/);
        assert.deepEqual(values(done), []);
      };
      await refused(tokens);
      const [database, governance] = [place.governed.as("second"), place.governed.governanceOf("second")];
      await giveApproval(governance, "maskline", await readApproval(database, governance, "maskline", id));
      await place.governed.admin.query("UPDATE maskline.approval SET expires_at = now() WHERE id = $1", [id]);
      await refused(tokens);
      await place.governed.admin.query("UPDATE maskline.approval SET expires_at = now() + interval '1 hour' WHERE id = $1", [id]);
      await refused([...tokens, ...place.tokens("masked_ip", ["203.0.113.200"])]);
      const done = await reveal("officer", "masked_ip", tokens.toReversed(), "--approval", id);
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(values(done), many.toReversed(), "in whatever order the list is given");
      const [intent, result] = (await place.audit()).slice(-2);
      assert.deepEqual([intent?.details["approval"], result?.details["approval"]], [id, id], "the audit names what allowed it");
      await refused(tokens);
    });

    test("what is wrongly typed is not told, and nothing of it stands in the audit", async () => {
      const before = (await place.audit()).length;
      const mistyped = await reveal("officer", "masked_ip", ["x"], "--approval", "3D0C6A52-4F6E-4D0C-9A55-5B1F6F3A8E11");
      assert.equal(mistyped.code, exitCodes.usage, mistyped.stderr);
      assert.match(mistyped.stdout, /--approval wants the id/);
      assert.equal((await place.audit()).length, before);
      // sides swapped, and no reason: that it was attempted is told, what stands where a column should is not
      const swapped = ["reveal", "--column", "masked_ip", "--plain-output", "--json", "--where", "Smith=user_id"];
      assert.equal((await place.maskline("officer", swapped)).code, exitCodes.usage);
      assert.doesNotMatch(JSON.stringify((await place.audit()).slice(before)), /Smith/);
      assert.deepEqual(
        (await place.audit()).slice(before).map(({ outcome }) => outcome),
        [{ refused: "unexplained" }],
      );
    });

    test("values go into no pipe or file by themselves, and one-way masks open nothing", async () => {
      const before = (await place.audit()).length;
      const [token = ""] = place.tokens("masked_ip", ips);
      const piped = await place.maskline("officer", ["reveal", "--column", "masked_ip", ...why], token);
      assert.equal(piped.code, exitCodes.usage);
      assert.match(piped.stderr, /next: --to RECIPIENT --out FILE/);
      const oneWay = await reveal("officer", "masked_mail", [token]);
      assert.match(oneWay.stdout, /one-way.*maskline verify --column masked_mail/);
      const plain = await reveal("officer", "user_id", [token]);
      assert.match(plain.stdout, /no column user_id that has tokens/);
      const none = await reveal("officer", "masked_ip", []);
      assert.match(none.stdout, /there are no tokens/);
      for (const done of [piped, oneWay, plain, none])
        assert.deepEqual([done.code, values({ ...done, stdout: "" })], [exitCodes.usage, []]);
      const told = (await place.audit()).slice(before);
      assert.deepEqual(
        told.map(({ step, domain, outcome }) => [step, domain, outcome]),
        ["login.mail", "*"].map((domain) => ["refusal", domain, { refused: "column_unfit" }]),
        "nothing was opened",
      );
    });

    test("verify tells a value's tokens, whether one is among them, and the rows that carry it; one-way masks too", async () => {
      const verify = (column: string, value: string, ...more: string[]): Promise<Finished> =>
        place.maskline("officer", ["verify", "--column", column, "--json", ...why, ...more], `${value}\n`);
      const [token = ""] = place.tokens("masked_ip", ips);
      const keyId = place.governed.ring.primaryId;
      const found = await verify("masked_ip", " ::ffff:203.0.113.7 ", token);
      assert.equal(found.code, 0, found.stderr);
      assert.deepEqual(JSON.parse(found.stdout), {
        column: "masked_ip",
        matches: true,
        tokens: [{ keyId, token, rows: 2, firstDay: "2026-11-20", lastDay: "2026-11-21" }],
      });
      const mail = JSON.parse((await verify("masked_mail", "ann@EXAMPLE.com")).stdout) as { tokens: { rows: number }[] };
      assert.equal(mail.tokens[0]?.rows, 4);
      const host = JSON.parse((await verify("masked_host", "192.0.2.44", token)).stdout) as {
        matches: boolean;
        tokens: { rows: number }[];
      };
      assert.deepEqual([host.matches, host.tokens[0]?.rows], [false, 4], "in a column of addresses too");
      const absent = JSON.parse((await verify("masked_ip", "203.0.113.99")).stdout) as {
        tokens: { rows: number; firstDay: unknown }[];
      };
      assert.deepEqual([absent.tokens[0]?.rows, absent.tokens[0]?.firstDay], [0, null]);
      const last = (await place.audit()).at(-1);
      assert.deepEqual([last?.action, last?.amount, last?.outcome], ["verify", 1, { answered: true, matches: null, rows: 0 }]);
      const unfit = await verify("masked_ip", "CANARY-no-address");
      assert.equal(unfit.code, exitCodes.failed);
      assert.doesNotMatch(unfit.stdout + unfit.stderr, /CANARY/);
      const denied = await place.maskline("nobody", ["verify", "--column", "masked_ip", "--json", ...why], ips[0]);
      assert.equal(denied.code, exitCodes.denied);
      assert.doesNotMatch(denied.stdout, new RegExp(token));
    });

    test("a table without the contract's own column does not fit, whoever asks; one of --where is a typing mistake", async () => {
      const { admin } = place.governed;
      const [token = ""] = place.tokens("masked_ip", ips);
      await admin.query("ALTER TABLE user_logins RENAME masked_ip TO hidden");
      try {
        for (const done of [
          await reveal("officer", "masked_ip", [], "--where", "user_id=u-1"),
          await place.maskline("officer", ["verify", "--column", "masked_ip", token, "--json", ...why], `${ips[0]}\n`),
        ]) {
          assert.equal(done.code, exitCodes.misfit, done.stderr);
          assert.match(
            done.stdout,
            /"code":"target_misfit"[^]*has no column masked_ip, which the contract fills[^]*maskline check --connect/,
          );
        }
      } finally {
        await admin.query("ALTER TABLE user_logins RENAME hidden TO masked_ip");
      }
      const typed = await reveal("officer", "masked_ip", [], "--where", "nothing=1");
      assert.match(typed.stdout, /"code":"usage"[^]*--where takes columns of the target table/);
    });

    test("who may not read the table is refused, and the audit says so", async () => {
      await place.governed.admin.query("REVOKE SELECT ON user_logins FROM helpdesk");
      const done = await reveal("helpdesk", "masked_ip", [], "--where", "user_id=u-1", "--partial");
      assert.equal(done.code, exitCodes.misfit);
      assert.match(done.stdout, /"code":"database_denied"/);
      const last = (await place.audit()).at(-1);
      assert.deepEqual([last?.step, last?.actor, last?.outcome], ["refusal", "helpdesk", { refused: "database_denied" }]);
    });
  });
}
