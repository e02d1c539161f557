import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { ringName } from "../../../src/app/tagged-columns.ts";
import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { type ErrorCode, MasklineError } from "../../../src/errors.ts";
import type { Database } from "../../../src/postgres/database.ts";
import { findDuplicates, sharedView } from "../../../src/postgres/duplicates.ts";
import { noteFiles } from "../../../src/postgres/files.ts";
import { noteIntake } from "../../../src/postgres/intake.ts";
import { PostgresKeyUse } from "../../../src/postgres/key-use.ts";
import { findMessage, readAccounts } from "../../../src/postgres/ledger.ts";
import { requireSchema } from "../../../src/postgres/migrate.ts";
import { prune } from "../../../src/postgres/prune.ts";
import { listQuarantine, showQuarantined } from "../../../src/postgres/quarantine.ts";
import { giveApproval, readApproval } from "../../../src/postgres/recovery/approvals.ts";
import { findExits } from "../../../src/postgres/recovery/find-exits.ts";
import type { PostgresGovernance } from "../../../src/postgres/recovery/governance.ts";
import { databaseRoles } from "../../../src/postgres/recovery/grants.ts";
import { changePolicy, listPolicy } from "../../../src/postgres/recovery/policy.ts";
import { PostgresRekey } from "../../../src/postgres/rekey.ts";
import { reportReplica } from "../../../src/postgres/replicas.ts";
import { resumeTrip } from "../../../src/postgres/trips.ts";
import { beginAct } from "../../../src/recovery/govern.ts";
import { rekey } from "../../../src/recovery/rekey.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { actFacts, GovernedDatabase } from "../../harness/governed-database.ts";
import { connect, loginSinkOn, loginTable, makeBatch, makeDelivery, makeRows, position } from "../../harness/login-table.ts";
import { giveRoles } from "../../harness/role-members.ts";
import { atOnce, RotatingTable, sharedLogins } from "../../harness/rotating-table.ts";

/** Who tries, and with what. */
interface Trial {
  readonly person: string;
  readonly database: Database;
  readonly governance: PostgresGovernance;
  readonly place: GovernedDatabase;
  readonly table: RotatingTable;
}

interface Act {
  readonly does: string;
  /** The roles that can; all others are denied. */
  readonly can: readonly string[];
  /** How a denial shows. */
  readonly denied?: readonly ErrorCode[];
  readonly run: (trial: Trial) => Promise<unknown>;
}

const pipeline = "public.user_logins";
const readers = ["policy_keeper", "auditor", "privacy_officer", "replayer", "eraser"];
const ringUsers = ["writer", "rekeyer", "privacy_officer", "policy_keeper", "replayer", "eraser"];
const actors = ["privacy_officer", "replayer", "eraser"];
const untold: readonly ErrorCode[] = ["audit_unwritable", "right_missing"];
const why = { reason: "tried by a test", ticket: "T-1" };
const second = { ...actFacts({ action: "reveal", amount: 3 }) };

/** The table: one row an act, the cells are whether a role can. */
const acts: readonly Act[] = [
  {
    does: "say that the schema is of this version",
    can: databaseRoles.map(({ name }) => name),
    run: ({ database }) => requireSchema(database, "maskline"),
  },
  {
    does: "load a batch, refused messages too",
    can: ["writer"],
    // told before the first message; who may insert rows and no more is refused by what stands behind them
    denied: ["target_misfit", "database_denied"],
    run: ({ database, table }) => loadBatch(database, table),
  },
  {
    does: "insert a row past that check",
    can: ["writer", "replayer"],
    run: ({ database }) => database.query("trying", "INSERT INTO user_logins (user_id) VALUES ('u-1')"),
  },
  {
    does: "note what a lane has received",
    can: ["writer"],
    run: ({ database }) => noteIntake(database, "maskline", 1, position({ run: randomUUID() })),
  },
  {
    does: "report a running process",
    can: ["writer", "replayer"],
    run: ({ database }) => reportReplica(database, "maskline", { run: randomUUID(), pipeline: 1, ring: 1, keyId: 1, sealingId: 1 }),
  },
  {
    does: "note the files of a backfill",
    can: ["writer"],
    run: ({ database }) =>
      noteFiles(database, "maskline", 1, [{ fingerprint: "f", name: "n", bytes: 1, blockBytes: 1, blocks: 1 }]),
  },
  { does: "rekey the table", can: ["rekeyer"], run: rekeyAs },
  {
    does: "change an unmasked column",
    can: [],
    run: ({ database }) => database.query("trying", "UPDATE user_logins SET locale = 'xx'"),
  },
  { does: "delete rows", can: [], run: ({ database }) => database.query("trying", "DELETE FROM user_logins WHERE false") },
  { does: "empty the table", can: [], run: ({ database }) => database.query("trying", "TRUNCATE user_logins") },
  {
    does: "read the masked table",
    can: ["analyst", "privacy_officer", "eraser"],
    run: ({ database }) => database.query("trying", "SELECT * FROM user_logins LIMIT 1"),
  },
  {
    does: "read the masked columns alone",
    can: ["analyst", "privacy_officer", "rekeyer", "eraser"],
    run: ({ database }) => database.query("trying", "SELECT masked_ip, masked_device_id FROM user_logins LIMIT 1"),
  },
  {
    does: "read the view of equal values",
    can: ["analyst"],
    run: ({ database }) => database.query("trying", "SELECT masked_ip_equal FROM user_logins_equal LIMIT 1"),
  },
  {
    does: "read the view of shared values",
    can: ["analyst"],
    run: async ({ database }) => {
      const shared = await database.query("trying", "SELECT value, users, rank, first_seen FROM user_logins_shared");
      assert.ok(shared.length > 0, "there are some");
    },
  },
  { does: "look for duplicates", can: ["analyst"], run: ({ database }) => findDuplicates(database, duplicates) },
  {
    does: "know which tokens the columns have held",
    can: ["privacy_officer", "analyst", "writer", "rekeyer", "replayer"],
    run: ({ database }) => database.query("trying", "SELECT domain, key_id FROM maskline.token_column LIMIT 1"),
  },
  {
    does: "read the names of the keys, and how masks are defined",
    can: ringUsers,
    run: ({ database }) => database.query("trying", "SELECT * FROM maskline.mask_definition, maskline.ring_key LIMIT 1"),
  },
  {
    does: "list the quarantine",
    can: ["operator", "privacy_officer", "replayer"],
    run: ({ database }) => listQuarantine(database, "maskline", pipeline),
  },
  {
    does: "show a refused message",
    can: ["operator", "privacy_officer", "replayer"],
    run: ({ database }) => showQuarantined(database, "maskline", "none"),
  },
  {
    does: "read a sealed body",
    can: ["privacy_officer", "replayer"],
    run: ({ database }) => database.query("trying", "SELECT sealed FROM maskline.quarantine LIMIT 1"),
  },
  {
    does: "discard a sealed body",
    can: ["replayer", "eraser"],
    run: ({ database }) => database.query("trying", "DELETE FROM maskline.quarantine WHERE false"),
  },
  {
    does: "write down that a message has left the quarantine",
    can: ["replayer", "eraser"],
    run: ({ database }) => database.query("trying", "INSERT INTO maskline.quarantine_exit (act) SELECT NULL::uuid WHERE false"),
  },
  {
    does: "ask who took a message out of the quarantine",
    can: ["operator"],
    run: ({ database }) => findExits(database, "maskline", "none"),
  },
  {
    does: "read a sealed original",
    can: ["privacy_officer"],
    run: ({ database }) => database.query("trying", "SELECT sealed FROM maskline.vault LIMIT 1"),
  },
  {
    does: "take an original out of the vault",
    can: ["eraser"],
    run: ({ database }) => database.query("trying", "DELETE FROM maskline.vault WHERE false"),
  },
  {
    does: "begin an act on personal values",
    can: ["privacy_officer"],
    denied: untold,
    run: ({ governance }) => beginAct(governance, actFacts(), []),
  },
  {
    does: "ask the policy past the audit",
    can: actors,
    run: ({ database }) =>
      database.query("trying", `SELECT maskline.permit('{"action": "reveal", "domain": "login.ip", "amount": 0}', NULL)`),
  },
  { does: "ask for a second person", can: actors, run: ({ governance }) => governance.requestApproval(second) },
  { does: "be the second person", can: ["privacy_officer"], denied: [...untold, "database_denied"], run: approveAs },
  {
    does: "append to the audit",
    can: [...actors, "policy_keeper"],
    denied: ["audit_unwritable"],
    run: ({ governance }) => governance.append({ act: randomUUID(), step: "refusal", facts: actFacts(), outcome: {} }),
  },
  {
    does: "read the audit",
    can: ["auditor"],
    run: ({ database }) => database.query("trying", "SELECT entry FROM maskline.audit LIMIT 1"),
  },
  {
    does: "ask who opened a token",
    can: ["auditor"],
    run: ({ database }) =>
      database.query("trying", "SELECT act FROM maskline.audit_token WHERE token_hash = decode(repeat('11', 16), 'hex')"),
  },
  {
    does: "read the end of the audit past the function",
    can: [],
    run: ({ database }) => database.query("trying", "SELECT hash FROM maskline.audit_head"),
  },
  { does: "read the policy", can: readers, run: ({ database }) => listPolicy(database, "maskline") },
  {
    does: "change the policy",
    can: ["policy_keeper"],
    denied: untold,
    run: ({ governance }) =>
      changePolicy(
        governance,
        "maskline",
        { change: "allow", role: "auditor", domain: "*", action: "verify", valuesPerDay: 1, approveAbove: null },
        why,
      ),
  },
  ...past("change the policy", [
    "INSERT INTO maskline.policy (role, domain, action) VALUES ('a', 'b', 'reveal')",
    "UPDATE maskline.policy SET values_per_day = NULL",
    "DELETE FROM maskline.policy",
    "SELECT maskline.require_told('policy', '*', '{}')",
  ]),
  ...past("write the audit", [
    "INSERT INTO maskline.audit SELECT 9, act, entry, hash, key_id, signature FROM maskline.audit",
    "UPDATE maskline.audit SET entry = ''",
    "DELETE FROM maskline.audit",
    "TRUNCATE maskline.audit, maskline.audit_token",
    "DELETE FROM maskline.audit_token",
    "UPDATE maskline.audit_head SET sequence = 0",
    "ALTER TABLE maskline.audit DISABLE TRIGGER ALL",
  ]),
  ...past("approve", ["UPDATE maskline.approval SET approved_by = 'x', approved_at = now()", "SELECT FROM maskline.approval"]),
  ...past("spend nothing", ["UPDATE maskline.spending SET spent = 0", "DELETE FROM maskline.spending"]),
  { does: "resume a pipeline", can: ["operator"], run: ({ database }) => resumeTrip(database, "maskline", pipeline, "looked at") },
  { does: "read the ledger's account", can: ["operator"], run: ({ database }) => readAccounts(database, "maskline", null, 10) },
  {
    does: "find a message by its receipt",
    can: ["operator", "writer", "replayer"],
    run: ({ database }) => findMessage(database, "maskline", "none", null),
  },
  {
    does: "prune",
    can: ["operator"],
    run: ({ database }) => prune(database, { schema: "maskline", pipeline: 1, days: 15 }, new AbortController().signal),
  },
  {
    does: "make a table of its own there",
    can: [],
    run: ({ database }) => database.query("trying", "CREATE TABLE maskline.mine ()"),
  },
  {
    does: "become another role",
    can: [],
    run: ({ person, database }) => database.query("trying", `SET LOCAL ROLE ${otherThan(person)}`),
  },
];

for (const { name, missing, start } of postgresServers()) {
  suite(`what each role can do on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let place: GovernedDatabase;
    let admin: Database;
    let table: RotatingTable;
    before(async () => {
      server = await start();
      place = await GovernedDatabase.create(server);
      await place.admin.query("DROP SCHEMA maskline CASCADE");
      admin = connect(place.url);
      table = await RotatingTable.open(admin, place.url);
      await table.load(table.ring, sharedLogins(60));
      await table.rotate();
      await place.admin.query(sharedView("maskline", sharedParts));
      await giveRoles(place);
      await place.allow("maskline_privacy_officer", "reveal");
      await place.allow("maskline_privacy_officer", "approve");
    });
    after(async () => {
      await admin?.close();
      await place?.close();
      await server?.stop();
    });

    for (const { name: person, does: job } of databaseRoles) {
      test(`${person} (${job}): ${acts.filter(({ can }) => can.includes(person)).length} of ${acts.length} acts`, async () => {
        const trial: Trial = { person, database: place.as(person), governance: place.governanceOf(person), place, table };
        const wrong: string[] = [];
        for (const { does, can, denied = ["database_denied"], run } of acts) {
          const came = await outcomeOf(run(trial));
          if (can.includes(person) ? came !== "done" : !denied.some((code) => code === came)) wrong.push(`${does}: ${came}`);
        }
        assert.deepEqual(wrong, []);
      });
    }

    test("the table of acts speaks of every role", () => {
      const known = new Set(databaseRoles.map(({ name: role }) => role));
      assert.deepEqual(
        acts.flatMap(({ can }) => can).filter((role) => !known.has(role)),
        [],
      );
      for (const role of known)
        assert.ok(acts.filter(({ can }) => can.includes(role)).length > 1, `${role} can do something of its own`);
    });
  });
}

/** "done", or the code of what it was refused with. Whatever is no refusal of ours is a fault. */
async function outcomeOf(work: Promise<unknown>): Promise<"done" | ErrorCode> {
  try {
    await work;
    return "done";
  } catch (error) {
    if (!(error instanceof MasklineError)) throw error;
    return error.code;
  }
}

const duplicates = {
  table: loginTable,
  column: "masked_ip",
  userColumn: "user_id",
  timeColumn: null,
  minUsers: 2,
  limit: 10,
  aliases: { schema: "maskline", domain: "login.ip" },
};

const sharedParts = {
  table: loginTable,
  columns: [{ name: "masked_ip", domain: "login.ip" }],
  userColumn: "user_id",
  timeColumn: null,
  minUsers: 2,
};

/** What nobody can: with no function between. */
function past(what: string, statements: readonly string[]): readonly Act[] {
  return statements.map((sql) => ({
    does: `${what} by ${sql}`,
    can: [],
    run: ({ database }: Trial) => database.query("trying", sql),
  }));
}

async function loadBatch(database: Database, table: RotatingTable): Promise<void> {
  const sink = await loginSinkOn(database);
  const delivery = makeDelivery();
  const refused = makeDelivery();
  const prepared = await table.prepare(table.ring, sharedLogins(5));
  const batch = makeBatch(
    makeRows([delivery]),
    [{ delivery: refused, id: refused.id, faults: [{ reason: "not_json", path: "", expected: "", found: "" }] }],
    {
      run: randomUUID(),
    },
  );
  await sink.load(prepared);
  const settled = await sink.load(batch);
  assert.deepEqual(settled.map(({ outcome }) => outcome).sort(), ["loaded", "quarantined"]);
}

async function rekeyAs({ database, table }: Trial): Promise<void> {
  const { ring } = table;
  const columns = await table.columns(ring);
  const store = new PostgresRekey(database, {
    schema: "maskline",
    table: loginTable,
    ring: ringName(ring),
    run: randomUUID(),
    columns,
  });
  const { changed, holders } = await rekey(
    store,
    new PostgresKeyUse(database, "maskline", ringName(ring)),
    columns,
    ring.primaryId,
    atOnce,
  );
  assert.ok(changed > 0, "there were old tokens");
  assert.deepEqual(holders, []);
}

/** Of what somebody else has asked for. */
async function approveAs({ person, database, governance, place }: Trial): Promise<void> {
  const { rows } = await place.admin.query<{ id: string }>(
    `INSERT INTO maskline.approval (id, asked, actor, expires_at)
     VALUES (md5(random()::text)::uuid, $1, 'somebody', now() + interval '1 hour') RETURNING id`,
    [JSON.stringify(second)],
  );
  const asked = await readApproval(database, governance, "maskline", rows[0]?.id ?? "");
  await giveApproval(governance, "maskline", asked);
  const approved = await place.admin.query("SELECT FROM maskline.approval WHERE id = $1 AND approved_by = $2", [asked.id, person]);
  assert.equal(approved.rowCount, 1);
}

function otherThan(person: string): string {
  return `maskline_${databaseRoles.find(({ name }) => name !== person)?.name}`;
}
