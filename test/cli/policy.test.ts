import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { auditKeys } from "../../src/keys/audit-keys.ts";
import { PostgresGovernance } from "../../src/postgres/recovery/governance.ts";
import { databaseRoles } from "../../src/postgres/recovery/grants.ts";
import { actFacts } from "../harness/governed-database.ts";
import { connect } from "../harness/login-table.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";
import { otherwise } from "../postgres/databases.ts";
import { documentOf, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

const explained = ["--reason", "the abuse desk asks", "--ticket", "SEC-4"];
const unknownId = "3d0c6a52-4f6e-4d0c-9a55-5b1f6f3a8e11";

suite("policy, approvals and roles from the command line", () => {
  let servers: Servers;
  let workspace: Workspace;
  before(async () => {
    servers = await startServers();
    workspace = await openWorkspace(servers);
  });
  after(async () => {
    await workspace?.close();
    await servers?.stop();
  });

  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(workspace.folder, args);
  /** As somebody else: with a configuration that names another user of the database. */
  const as = (person: string, ...args: readonly string[]): ReturnType<typeof maskline> => call(...args, "-c", `${person}.yaml`);

  const hire = async (person: string, role: string): Promise<void> => {
    await workspace.database.query("hiring", `CREATE ROLE ${person} LOGIN PASSWORD '${person}' IN ROLE maskline_${role}`);
    const text = (await readFile(workspace.file, "utf8")).replace(/postgres(?:ql)?:\/\/[^@/]+@/, `postgres://${person}:${person}@`);
    await writeFile(path.join(workspace.folder, `${person}.yaml`), text, { mode: 0o600 });
  };

  /** As a refused reveal does. */
  const ask = async (person: string): Promise<string> => {
    const keys = auditKeys(await readKeyRingFile(path.join(workspace.folder, "keyring.json")));
    const database = connect(otherwise(workspace.databaseUrl, { user: person, password: person }));
    try {
      return await new PostgresGovernance(database, "maskline", keys, null, () => {}).requestApproval(
        actFacts({
          amount: 12,
          reason: "a court\u001B[2J order\u202E",
          details: { column: "masked_ip", to: "file", where: ["user_id ="] },
        }),
      );
    } finally {
      await database.close();
    }
  };

  test("migrate --grants prints roles and rights, --apply makes them, twice if it must be", async () => {
    const printed = succeeded(await call("migrate", "--grants")).stdout;
    for (const { name } of databaseRoles) assert.match(printed, new RegExp(`CREATE ROLE "maskline_${name}" NOLOGIN`));
    assert.match(printed, /^BEGIN;$/m);
    assert.match(printed, /^GRANT INSERT \("user_id", .*\) ON "public"."user_logins" TO "maskline_writer";$/m);
    assert.deepEqual(await workspace.database.query("looking", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'maskline%'"), []);
    for (let time = 0; time < 2; time += 1) {
      const applied = documentOf(succeeded(await call("migrate", "--grants", "--apply", "--json"))) as {
        roles: { role: string }[];
      };
      assert.deepEqual(
        applied.roles.map(({ role }) => role),
        databaseRoles.map(({ name }) => `maskline_${name}`),
      );
    }
    assert.match(
      succeeded(await call("migrate", "--grants", "--apply", "--prefix", "team")).stderr,
      /^team_writer: run, backfill$/m,
    );
    failed(await call("migrate", "--apply"), { code: "usage", says: /belong to --grants/, next: /--grants/ });
    failed(await call("migrate", "--grants", "--prefix", "pg"), { code: "usage", says: /begin with pg_/, next: /--prefix/ });
    for (const [person, role] of [
      ["ada", "privacy_officer"],
      ["ben", "privacy_officer"],
      ["kim", "policy_keeper"],
      ["ora", "operator"],
      ["amy", "auditor"],
    ] as const)
      await hire(person, role);
  });

  test("policy allow, list and deny say what holds, and what held before", async () => {
    assert.equal(
      succeeded(await as("kim", "policy", "list")).stderr,
      "the policy allows nothing; next: maskline policy allow ROLE ACTION --domain D\n",
    );
    const limits = ["--domain", "login.ip", "--per-day", "100", "--approve-above", "10"];
    const unlimited = await as("kim", "policy", "allow", "maskline_privacy_officer", "approve", ...limits, ...explained);
    failed(unlimited, { code: "usage", says: /no limits/, next: /leave out --per-day/ });
    const allowed = succeeded(await as("kim", "policy", "allow", "maskline_privacy_officer", "reveal", ...limits, ...explained));
    assert.match(allowed.stderr, /^audit 1:[0-9a-f]{64} key \d+ signature [\w-]{86}\naudit 2:/, "heads of the chain go to stderr");
    assert.match(allowed.stderr, /^members of maskline_privacy_officer may reveal in domain login\.ip$/m);
    const again = documentOf(
      succeeded(
        await as("kim", "policy", "allow", "maskline_privacy_officer", "reveal", "--domain", "login.ip", ...explained, "--json"),
      ),
    );
    assert.deepEqual(again, {
      role: "maskline_privacy_officer",
      action: "reveal",
      domain: "login.ip",
      change: "allow",
      valuesPerDay: null,
      approveAbove: null,
      before: { valuesPerDay: 100, approveAbove: 10 },
    });
    const elsewhere = await as(
      "kim",
      "policy",
      "allow",
      "maskline_privacy_officer",
      "approve",
      "--domain",
      "login.pi",
      ...explained,
    );
    assert.match(succeeded(elsewhere).stderr, /^note: this contract has no domain login\.pi, only .*login\.ip.*quarantine/m);
    const [head, ...rows] = succeeded(await as("ada", "policy", "list"))
      .stdout.trimEnd()
      .split("\n");
    assert.match(head ?? "", /^role +domain +action +values a day +second person above +changed by +at$/);
    assert.deepEqual(
      rows.map((row) => row.split(/ {2,}/).slice(0, 6)),
      [
        ["maskline_privacy_officer", "login.ip", "reveal", "-", "-", "kim"],
        ["maskline_privacy_officer", "login.pi", "approve", "-", "-", "kim"],
      ],
    );
    const denied = await as("kim", "policy", "deny", "maskline_privacy_officer", "approve", "--domain", "login.pi", ...explained);
    assert.match(
      succeeded(denied).stderr,
      /may no longer approve in domain login\.pi; before: no limit a day, never a second person/,
    );
    const { policy } = documentOf(succeeded(await as("ada", "policy", "list", "--json"))) as { policy: { action: string }[] };
    assert.deepEqual(
      policy.map(({ action }) => action),
      ["reveal"],
    );
    const wide = ["policy", "allow", "maskline_privacy_officer", "verify", "--domain"];
    succeeded(await as("kim", ...wide, "*", "--per-day", "9", ...explained));
    assert.match(
      succeeded(await as("kim", ...wide, "login.ip", "--per-day", "2", ...explained)).stderr,
      /^note: the row of domain \* still lets them, here too: 9 values a day, never a second person;/m,
    );
    const { stdout: audit } = succeeded(await as("amy", "audit", "list"));
    assert.match(audit, / kim +policy: allow reveal to maskline_privacy_officer +login\.ip /);
    assert.match(audit, / kim +policy: deny approve to maskline_privacy_officer +login\.pi /);
  });

  test("what cannot be changed says why, and by whom it can", async () => {
    const allow = ["policy", "allow"] as const;
    failed(await as("kim", ...allow, "maskline_privacy_officer", "reveal", "--domain", "*"), {
      code: "usage",
      says: /wants a reason/,
      next: /--reason/,
    });
    failed(await as("kim", ...allow, "maskline_privacy_officer", "reveal", ...explained), {
      code: "usage",
      says: /names no domain/,
      next: /--domain D/,
    });
    failed(await as("kim", ...allow, "maskline_privacy_officer", "look", "--domain", "*", ...explained), {
      code: "usage",
      says: /names no action/,
      next: /verify, reveal-partial, reveal/,
    });
    failed(await as("kim", ...allow, "maskline_privacy_officer", "reveal", "--domain", "*", "--per-day", "0", ...explained), {
      code: "usage",
      says: /--per-day takes a whole number of 1 or more/,
      next: /--help/,
    });
    failed(
      await as("kim", ...allow, "maskline_privacy_officer", "reveal", "--domain", "*", "--per-day", "2147483648", ...explained),
      {
        code: "usage",
        says: /--per-day takes at most/,
        next: /--help/,
      },
    );
    const refusals = [
      [await as("kim", ...allow, "nobody_here", "reveal", "--domain", "*", ...explained), "not_found"],
      [await as("kim", "policy", "deny", "maskline_privacy_officer", "erase", "--domain", "*", ...explained), "not_found"],
      [await as("ada", ...allow, "maskline_privacy_officer", "reveal", "--domain", "*", ...explained), "right_missing"],
      [await as("ora", ...allow, "maskline_operator", "reveal", "--domain", "*", ...explained), "database_denied"],
      [await as("ora", "policy", "list"), "database_denied"],
    ] as const;
    for (const [{ code, stdout, stderr }, expected] of refusals) {
      assert.equal(stdout, "");
      assert.equal(code, { not_found: 1, right_missing: 7, database_denied: 3 }[expected], stderr);
    }
    assert.match(refusals[0][0].stderr, /audit \d+:.*\nmaskline: the database has no role "nobody_here"/);
    assert.match(
      refusals[2][0].stderr,
      /audit \d+:.*\nmaskline: only whoever keeps the policy may change it\nnext: .*migrate --grants/,
    );
  });

  test(
    "a second person sees what is asked, and approves it once; nobody else can",
    { skip: terminalMissing ?? false },
    async () => {
      succeeded(await as("kim", "policy", "allow", "maskline_privacy_officer", "approve", "--domain", "*", ...explained));
      const id = await ask("ada");
      failed(await as("ben", "approve"), { code: "usage", says: /wants the id/, next: /the refused command showed it/ });
      const unasked = await as("ben", "approve", id);
      assert.equal(unasked.code, 2);
      for (const line of [
        `approval ${id}`,
        "  what     reveal: 12 values of login.ip",
        "           column: masked_ip",
        "           to: file",
        '           where: ["user_id ="]',
        "  reason   a court?[2J order?",
        "  ticket   T-1",
        `  list     SHA-256 ${"11".repeat(32)}`,
      ])
        assert.ok(unasked.stderr.split("\n").includes(line), `${line} in\n${unasked.stderr}`);
      assert.match(unasked.stderr, /^ {2}who {6}ada, on \d{4}-/m);
      assert.match(unasked.stderr, /there is no terminal to ask at\nnext: add --yes\n$/);

      const own = await as("ada", "approve", id, "--yes");
      assert.equal(own.code, 7);
      assert.match(own.stderr, /audit \d+:.*\nmaskline: this was asked for by you/);
      const no = await atTerminal(workspace.folder, ["approve", id, "-c", "ben.yaml"], [["to approve it: ", "no\r"]]);
      assert.equal(no.code, 130, no.screen);
      const yes = await atTerminal(workspace.folder, ["approve", id, "-c", "ben.yaml"], [["to approve it: ", "yes\r"]]);
      assert.equal(yes.code, 0, yes.screen);
      assert.match(yes.screen, /approved\. ada can use it once, until .*--approval/);
      const error = jsonError(await as("ben", "approve", id, "--yes", "--json"));
      assert.deepEqual(
        [error.code, error.message],
        ["approval_unfit", "this was approved already; an approval is given once, and used once"],
      );
      assert.equal(jsonError(await as("ben", "approve", unknownId, "--yes", "--json")).code, "approval_unfit");
      assert.equal(jsonError(await as("kim", "approve", id, "--yes", "--json")).code, "right_missing");
      const given = documentOf(succeeded(await as("ben", "approve", await ask("ada"), "--yes", "--json"))) as {
        for: string;
        amount: number;
      };
      assert.deepEqual([given.for, given.amount], ["ada", 12]);
    },
  );

  test("check says that controls are advisory with a plain ring, and no more once it is wrapped", async (t) => {
    const advisory =
      /^ {2}warning: recovery controls are advisory: whoever can read the key ring's file opens values past policy, .*docs\/keys\.md\)$/m;
    for (const connect of [[], ["--connect"]]) {
      assert.match(succeeded(await call("check", ...connect)).stderr, advisory);
      const { recovery } = documentOf(succeeded(await call("check", ...connect, "--json"))) as {
        recovery: { advisory: boolean; warning: string };
      };
      assert.equal(recovery.advisory, true);
      assert.match(`  warning: ${recovery.warning}`, advisory);
    }
    const variable = "columns: { ip: { type: ip, mask: { kind: siv, domain: d } } }\nkeyring: env:RING\n";
    assert.match(
      succeeded(await maskline(await folderWith(t, variable), ["check"])).stderr,
      /advisory: whoever can read the variable/,
    );
    for (const where of ["aws-ssm:/ring", "aws-secretsmanager:ring", "aws-kms:./keyring.json"]) {
      const folder = await folderWith(t, variable.replace("env:RING", where));
      assert.doesNotMatch(succeeded(await maskline(folder, ["check"])).stderr, /advisory/, where);
    }
    const passphrase = path.join(workspace.folder, "passphrase");
    await writeFile(passphrase, "a long passphrase of six words", { mode: 0o600 });
    succeeded(await call("keys", "rewrap", "--new-passphrase-file", passphrase));
    const wrapped = documentOf(succeeded(await call("check", "--json"))) as { recovery: unknown };
    assert.deepEqual(wrapped.recovery, { advisory: false, warning: null });
  });
});
