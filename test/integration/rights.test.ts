import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";

import { sampleEvents } from "../../src/demo/sample.ts";
import { applyGrants } from "../../src/postgres/recovery/grants-script.ts";
import { countRows } from "../harness/login-table.ts";
import { loginGrants } from "../harness/role-members.ts";
import { openWorkspace, startServers, type Workspace } from "../harness/workspace.ts";

/** What SECURITY.md says the writer needs, and nothing more. */
const grants = [
  "CREATE ROLE writer LOGIN PASSWORD 'writer'",
  "GRANT INSERT (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) ON user_logins TO writer",
  "GRANT USAGE ON SCHEMA maskline TO writer",
  "GRANT SELECT ON maskline.migration TO writer",
  "GRANT SELECT, INSERT ON maskline.pipeline, maskline.receipt, maskline.identity_receipt, maskline.ledger TO writer",
  "GRANT SELECT, INSERT (domain, key_id, check_value, fingerprint) ON maskline.mask_definition TO writer",
  "GRANT SELECT, INSERT, DELETE ON maskline.intake TO writer",
  "GRANT SELECT, INSERT (ring, key_id, state) ON maskline.ring_key TO writer",
  "GRANT SELECT, INSERT ON maskline.token_column, maskline.ledger_reason TO writer",
  "GRANT SELECT, INSERT (pipeline, run, refused, seen, limits, reasons) ON maskline.trip TO writer",
  "GRANT SELECT, INSERT, UPDATE, DELETE ON maskline.replica TO writer",
  "GRANT INSERT ON maskline.quarantine, maskline.token_alias TO writer",
  "GRANT SELECT, INSERT, UPDATE ON maskline.position, maskline.file TO writer",
];

/** What `keys rotate`, `rekey` and `disable` need. */
const rekeyerGrants = [
  "CREATE ROLE rekeyer LOGIN PASSWORD 'rekeyer'",
  "GRANT SELECT (ctid, masked_ip, masked_device_id), UPDATE (masked_ip, masked_device_id) ON user_logins TO rekeyer",
  "GRANT USAGE ON SCHEMA maskline TO rekeyer",
  "GRANT SELECT ON maskline.migration, maskline.pipeline, maskline.replica, maskline.ledger TO rekeyer",
  "GRANT SELECT, INSERT (domain, key_id, check_value, fingerprint) ON maskline.mask_definition TO rekeyer",
  "GRANT SELECT, INSERT ON maskline.token_column TO rekeyer",
  "GRANT SELECT, INSERT, UPDATE ON maskline.ring_key, maskline.rekey TO rekeyer",
  "GRANT SELECT, INSERT, DELETE ON maskline.token_alias TO rekeyer",
  "GRANT SELECT (key_id) ON maskline.vault TO rekeyer",
];

/** What `resume` needs: whoever may stop a pipeline need not be who lets it go on. */
const operatorGrants = [
  "CREATE ROLE operator LOGIN PASSWORD 'operator'",
  "GRANT USAGE ON SCHEMA maskline TO operator",
  "GRANT SELECT ON maskline.migration, maskline.pipeline, maskline.trip TO operator",
  "GRANT UPDATE (resume_reason) ON maskline.trip TO operator",
];

/** What `prune` needs. */
const prunerGrants = [
  "CREATE ROLE pruner LOGIN PASSWORD 'pruner'",
  "GRANT USAGE ON SCHEMA maskline TO pruner",
  "GRANT SELECT ON maskline.migration, maskline.pipeline TO pruner",
  "GRANT SELECT, DELETE ON maskline.receipt, maskline.identity_receipt, maskline.intake, maskline.ledger_reason TO pruner",
  "GRANT SELECT, INSERT, DELETE ON maskline.ledger TO pruner",
];

/** What `ledger` needs. */
const lookerGrants = [
  "CREATE ROLE looker LOGIN PASSWORD 'looker'",
  "GRANT USAGE ON SCHEMA maskline TO looker",
  "GRANT SELECT ON maskline.migration, maskline.pipeline, maskline.account, maskline.replica, maskline.trip TO looker",
  "GRANT SELECT ON maskline.receipt, maskline.identity_receipt TO looker",
];

const analystGrants = [
  "CREATE ROLE analyst LOGIN PASSWORD 'analyst'",
  "GRANT SELECT ON user_logins TO analyst",
  "GRANT USAGE ON SCHEMA maskline TO analyst",
  "GRANT SELECT ON maskline.migration, maskline.ring_key, maskline.alias, maskline.token_column TO analyst",
];

/** The users of the test, and whose role does the job of each. */
const roleOf = {
  writer: "writer",
  rekeyer: "rekeyer",
  analyst: "analyst",
  looker: "operator",
  pruner: "operator",
  operator: "operator",
} as const;

/** How the users come by their rights. */
interface Giving {
  readonly title: string;
  /** Before anything else, as the owner. */
  prepare(place: Workspace): Promise<void>;
  give(place: Workspace, statements: readonly string[]): Promise<void>;
  /** When the table has got a column of its own numbers, and a check has said what is lacking. */
  giveNumbers(place: Workspace, statement: string): Promise<void>;
}

const givings: readonly Giving[] = [
  {
    title: "the rights named in SECURITY.md",
    prepare: async () => {},
    give: grant,
    giveNumbers: (place, statement) => grant(place, [statement]),
  },
  {
    title: "the roles of migrate --grants",
    prepare: async (place) => {
      const applied = await place.maskline("migrate", "--grants", "--apply");
      assert.equal(applied.code, 0, applied.stderr);
      assert.match(applied.stderr, /nothing granted on public\.user_logins_shared: there is no such view yet/);
      for (const [user, role] of Object.entries(roleOf)) {
        await grant(place, [`CREATE ROLE ${user} LOGIN PASSWORD '${user}' IN ROLE maskline_${role}`]);
      }
    },
    give: async () => {},
    giveNumbers: async ({ database }) => void (await applyGrants(database, loginGrants)),
  },
];

for (const { title, prepare, give, giveNumbers } of givings) {
  test(`${title} are enough to run, and to read nothing of the table or the quarantine`, { timeout: 120_000 }, async () => {
    const servers = await startServers();
    const place = await openWorkspace(servers);
    try {
      await prepare(place);
      await give(place, grants);
      await as(place, "writer");
      await place.send([...sampleEvents({ count: 200, seed: 4 })].map(({ body }) => body));

      await place.database.query(
        "altering",
        "ALTER TABLE user_logins ADD id bigserial PRIMARY KEY, ADD number bigint GENERATED ALWAYS AS IDENTITY",
      );
      const closed = await place.maskline("check", "--connect");
      assert.notEqual(closed.code, 0);
      const [said = ""] = /GRANT USAGE ON SEQUENCE .* TO writer/.exec(`${closed.stdout}${closed.stderr}`) ?? [];
      assert.match(said, /user_logins_id_seq/, "a default is worked out as whoever inserts");
      await giveNumbers(place, said);
      const check = await place.maskline("check", "--connect");
      assert.equal(check.code, 0, check.stderr);
      const { code, stderr } = await place.maskline("run", "--max-messages", "200");
      assert.equal(code, 0, stderr);
      assert.ok((await countRows(place.database, "user_logins")) > 180);
      assert.ok((await countRows(place.database, "maskline.quarantine")) > 0);
      await place.send([...sampleEvents({ count: 20, seed: 5 })].map(({ body }) => body));
      const byIdentity = await place.maskline("run", "--max-messages", "20", "--set", "identity=user_id");
      assert.equal(byIdentity.code, 0, byIdentity.stderr);
      await writeFile(
        path.join(place.folder, "events.ndjson"),
        [...sampleEvents({ count: 20, seed: 6 })].map(({ body }) => body).join("\n"),
      );
      const backfilled = await place.maskline("backfill", "events.ndjson", "--sent-at", "2024-01-31");
      assert.equal(backfilled.code, 0, backfilled.stderr);
      assert.equal(await countRows(place.database, "maskline.intake"), 0, "what lanes held is told and forgotten");

      // the keys are rotated by someone who can neither load nor read the rest of the table
      await give(place, rekeyerGrants);
      await as(place, "rekeyer");
      for (const change of [["rotate"], ["rekey", "--dry-run"], ["rekey"]]) {
        const changed = await place.maskline("keys", ...change);
        assert.equal(changed.code, 0, `${change.join(" ")}: ${changed.stderr}`);
      }
      const [old] = await place.database.query<{ id: string }>(
        "looking",
        "SELECT key_id AS id FROM maskline.ring_key ORDER BY position LIMIT 1",
      );
      const disabled = await place.maskline("keys", "disable", old?.id ?? "");
      assert.equal(disabled.code, 0, disabled.stderr);
      assert.match((await place.maskline("run", "--max-messages", "1")).stderr, /GRANT INSERT/);

      await give(place, analystGrants);
      await as(place, "analyst");
      const shared = await place.maskline("duplicates", "--json");
      assert.equal(shared.code, 0, shared.stderr);
      const { columns } = JSON.parse(shared.stdout) as {
        columns: readonly { epochs: number | null; values: readonly unknown[] }[];
      };
      for (const { epochs, values } of columns)
        assert.ok(epochs === 1 && values.length > 0, "nothing of it is kept from the analyst");
      const risk = await place.maskline("risk");
      assert.equal(risk.code, 0, risk.stderr);

      await give(place, lookerGrants);
      await as(place, "looker");
      for (const look of [["ledger"], ["ledger", "--message", "", "--json"]]) {
        const looked = await place.maskline(...look);
        assert.equal(looked.code, 0, looked.stderr);
      }

      await give(place, prunerGrants);
      await place.database.query("ageing", "UPDATE maskline.receipt SET sent_at = sent_at - interval '16 days'");
      await place.database.query("ageing", "UPDATE maskline.identity_receipt SET received_at = received_at - interval '16 days'");
      await as(place, "pruner");
      for (const prune of [["prune", "--dry-run"], ["prune"]]) {
        const pruned = await place.maskline(...prune);
        assert.equal(pruned.code, 0, pruned.stderr);
      }
      const receipts = "(SELECT id FROM maskline.receipt UNION ALL SELECT id FROM maskline.identity_receipt) AS receipt";
      const kept = await countRows(place.database, receipts);
      // a line of a file has its place in the file instead
      const messages = "(SELECT id FROM maskline.quarantine WHERE id !~ '^[0-9a-f]{16}:') AS message";
      assert.equal(kept, await countRows(place.database, messages), "of what is quarantined");

      await as(place, "writer");
      for (const look of [["duplicates"], ["quarantine", "list"], ["prune"]]) {
        const denied = await place.maskline(...look);
        assert.equal(denied.code, 3, look.join(" "));
        assert.match(denied.stderr, /lacks a right.*SQLSTATE 42501/);
      }

      // the writer stops the pipeline, and cannot let it go on by itself
      await place.send(["not json"]);
      const refused = await place.maskline("run", "--max-messages", "1", "--set", "limits.refused=0");
      assert.equal(refused.code, 6, refused.stderr);
      assert.match(refused.stderr, /stands still since/, "the trip was stored");
      assert.equal((await place.maskline("resume", "--reason", "mine")).code, 3);
      await give(place, operatorGrants);
      await as(place, "operator");
      const resumed = await place.maskline("resume", "--reason", "looked at");
      assert.equal(resumed.code, 0, resumed.stderr);
      const { trips } = JSON.parse((await place.maskline("resume", "--list", "--json")).stdout) as {
        trips: { resumedBy: string }[];
      };
      assert.deepEqual(
        trips.map(({ resumedBy }) => resumedBy),
        ["operator"],
      );
      assert.match((await place.maskline("run", "--max-messages", "1")).stderr, /GRANT INSERT/);
    } finally {
      await place.close();
      await servers.stop();
    }
  });
}

async function grant({ database }: Workspace, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await database.query("granting", statement);
}

/** From now on the configuration names this user. */
async function as({ file }: Workspace, user: string): Promise<void> {
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace(/postgres:\/\/\w+:[^@]+@/, `postgres://${user}:${user}@`));
}
