import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { after, before, suite, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { loadSettings } from "../../src/app/config/load.ts";
import { withGovernance } from "../../src/app/recovery/governance.ts";
import { type ReplayRequest, replayQuarantine } from "../../src/app/recovery/replay.ts";
import type { ReplayStore } from "../../src/recovery/replay-store.ts";
import { documentOf, failed, jsonError, succeeded } from "../cli/expect.ts";
import { findCanaries } from "../harness/canary.ts";
import { countRows } from "../harness/login-table.ts";
import { changeContract, lostAndDoubled, mendContract, refusedLogins, versionless, why } from "../harness/refused-logins.ts";
import { type Servers, startMaskline, startServers, type Workspace } from "../harness/workspace.ts";
import { dumpTables } from "../postgres/databases.ts";

const replayAll = ["quarantine", "replay", "--all", ...why];

/** A writer's, without the queue's part of it, and the way out of the quarantine. */
const replayerGrants = [
  "CREATE ROLE replayer LOGIN PASSWORD 'replayer'",
  "GRANT INSERT (user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date) ON user_logins TO replayer",
  "GRANT USAGE ON SCHEMA maskline TO replayer",
  "GRANT SELECT ON maskline.migration TO replayer",
  "GRANT SELECT, INSERT ON maskline.pipeline, maskline.token_column TO replayer",
  "GRANT SELECT, INSERT (domain, key_id, check_value, fingerprint) ON maskline.mask_definition TO replayer",
  "GRANT SELECT, INSERT (ring, key_id, state) ON maskline.ring_key TO replayer",
  "GRANT SELECT, INSERT, UPDATE (outcome) ON maskline.receipt, maskline.identity_receipt TO replayer",
  "GRANT SELECT, INSERT, UPDATE, DELETE ON maskline.replica TO replayer",
  "GRANT INSERT ON maskline.token_alias TO replayer",
  "GRANT INSERT (act, pipeline, sent_at, id, outcome, reason, contract_hash, quarantined_at) ON maskline.quarantine_exit TO replayer",
  "GRANT SELECT, DELETE, UPDATE (reason, faults, structure, contract_hash, replays, replayed_at) ON maskline.quarantine TO replayer",
  `GRANT EXECUTE ON FUNCTION maskline.audit_tokens(uuid, bytea), maskline.audit_begin(), maskline.audit_append(uuid, text, bytea, bigint, bytea),
     maskline.permit(jsonb, uuid),
     maskline.request_approval(uuid, jsonb, text, integer) TO replayer`,
  "INSERT INTO maskline.policy (role, domain, action) VALUES ('replayer', 'quarantine', 'replay')",
];

suite("the way out of the quarantine", () => {
  let servers: Servers;
  before(async () => {
    servers = await startServers();
  });
  after(() => servers?.stop());

  test(
    "what a mended contract takes is loaded with its own day and id, the rest stays with today's faults",
    { timeout: 120_000 },
    async () => {
      const place = await refusedLogins(servers, { mendable: 130, hopeless: 3, good: 2 });
      try {
        await place.database.query("ageing", "UPDATE maskline.quarantine SET sent_at = sent_at - interval '3 days'");
        await place.database.query("ageing", "UPDATE maskline.receipt SET sent_at = sent_at - interval '3 days'");
        await mendContract(place);
        const { loaded, refused, stays } = documentOf(succeeded(await place.maskline(...replayAll, "--json"))) as Record<
          string,
          unknown
        >;
        assert.deepEqual({ loaded, refused }, { loaded: 130, refused: 3 });
        assert.deepEqual(stays, [{ reason: "not_json", path: "", messages: 3 }]);
        assert.deepEqual(await lostAndDoubled(place, 130), { lost: 0, doubled: 0 });
        const days = await countRows(
          place.database,
          "user_logins WHERE user_id LIKE 'mendable-%' AND create_date = (now() AT TIME ZONE 'UTC' - interval '3 days')::date",
        );
        assert.equal(days, 130, "the day it was sent, not that of the replay");
        assert.deepEqual(await receipts(place), { loaded: 132, quarantined: 3 });
        const [left] = await place.database.query(
          "looking",
          `SELECT count(*)::int AS messages, min(replays) AS least, max(replays) AS most FROM maskline.quarantine`,
        );
        assert.deepEqual(left, { messages: 3, least: 1, most: 1 });
        const [exits] = await place.database.query(
          "looking",
          `SELECT count(*)::int AS messages, count(DISTINCT act)::int AS acts, count(DISTINCT contract_hash)::int AS contracts,
                min(outcome) AS outcome, min(reason) AS reason FROM maskline.quarantine_exit`,
        );
        assert.deepEqual(exits, { messages: 130, acts: 1, contracts: 1, outcome: "loaded", reason: "missing" });
        assert.deepEqual(await steps(place), ["replay intent", "replay result"]);
      } finally {
        await place.close();
      }
    },
  );

  test("killed in the middle, run twice at once and once more, each message is loaded once", { timeout: 180_000 }, async () => {
    const mendable = 240;
    const place = await refusedLogins(servers, { mendable, hopeless: 0 });
    try {
      await mendContract(place);
      // so slow that a kill falls into a transaction
      await place.database.query(
        "slowing",
        `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END $$;
         CREATE TRIGGER slow BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE PROCEDURE slow()`,
      );
      for (let kills = 0; kills < 2; kills += 1) {
        const before = await countRows(place.database, "user_logins");
        const child = startMaskline(place.folder, [...replayAll, "--rate", "40"]);
        await untilInserting(place, before, child.finished);
        child.kill("SIGKILL");
        assert.equal((await child.finished).signal, "SIGKILL", "it was killed before it ended");
      }
      assert.ok((await lostAndDoubled(place, mendable)).lost > 0, "there is something left to do");
      const both = [startMaskline(place.folder, replayAll), startMaskline(place.folder, replayAll)];
      for (const { finished } of both) succeeded(await finished);
      assert.deepEqual(await lostAndDoubled(place, mendable), { lost: 0, doubled: 0 });
      assert.equal(await countRows(place.database, "maskline.quarantine"), 0);
      assert.deepEqual(await receipts(place), { loaded: mendable });
      const again = await place.maskline(...replayAll);
      assert.match(succeeded(again).stderr, /nothing was opened/);
      assert.deepEqual(await lostAndDoubled(place, mendable), { lost: 0, doubled: 0 });
    } finally {
      await place.close();
    }
  });

  test("that check fails for a replay that removes messages in another transaction", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 20, hopeless: 0 });
    try {
      await mendContract(place);
      const broken = (store: ReplayStore): ReplayStore => ({
        read: (keys) => store.read(keys),
        async write(batch) {
          await place.database.query("putting aside", "CREATE TABLE aside AS TABLE maskline.quarantine");
          await store.write(batch);
          // the rows are committed, the removal is not: the process ends in between
          await place.database.query("killing", "INSERT INTO maskline.quarantine SELECT * FROM aside");
          throw new Error("killed");
        },
      });
      await assert.rejects(replayHere(place, { wrapStore: broken }), /killed/);
      succeeded(await place.maskline(...replayAll));
      assert.deepEqual(await lostAndDoubled(place, 20), { lost: 0, doubled: 20 });
    } finally {
      await place.close();
    }
  });

  test("a rehearsal changes nothing but the audit, and says what would become of them", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 5, hopeless: 2 });
    try {
      await mendContract(place);
      const before = await dumpTables(place.database);
      const { stdout, stderr } = succeeded(await place.maskline(...replayAll, "--dry-run"));
      assert.match(stdout, /loaded +5 +would be rows/);
      assert.match(stdout, /refused +2/);
      assert.match(stderr, /nothing was changed/);
      assert.deepEqual(withoutAudit(await dumpTables(place.database)), withoutAudit(before));
      assert.deepEqual(await steps(place), ["replay intent", "replay result"]);
      const discard = ["quarantine", "discard", "--reason-code", "not_json", ...why, "--dry-run"];
      assert.match(succeeded(await place.maskline(...discard)).stderr, /2 messages would be discarded/);
      assert.deepEqual(withoutAudit(await dumpTables(place.database)), withoutAudit(before));
    } finally {
      await place.close();
    }
  });

  test("discarded messages never come back", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 2, hopeless: 3 });
    try {
      const discard = ["quarantine", "discard", "--reason-code", "not_json", ...why];
      const { discarded } = documentOf(succeeded(await place.maskline(...discard, "--json"))) as { discarded: number };
      assert.equal(discarded, 3);
      assert.deepEqual(await receipts(place), { discarded: 3, quarantined: 2 });
      assert.deepEqual(await steps(place), ["replay intent", "replay result"]);
      await mendContract(place);
      succeeded(await place.maskline(...replayAll));
      assert.deepEqual(await receipts(place), { discarded: 3, loaded: 2 });
      assert.equal(await countRows(place.database, "maskline.quarantine"), 0);
    } finally {
      await place.close();
    }
  });

  test(
    "rows that the database refuses stay, with the constraint as their reason, and their neighbours are loaded",
    { timeout: 120_000 },
    async () => {
      const place = await refusedLogins(servers, { mendable: 30, hopeless: 0 });
      try {
        await mendContract(place);
        await place.database.query("constraining", "ALTER TABLE user_logins ADD CONSTRAINT unlucky CHECK (user_id NOT LIKE '%3')");
        const { loaded, refused } = documentOf(succeeded(await place.maskline(...replayAll, "--json"))) as Record<string, number>;
        assert.deepEqual({ loaded, refused }, { loaded: 27, refused: 3 });
        const { groups } = documentOf(succeeded(await place.maskline("quarantine", "list", "--json"))) as {
          groups: { reason: string }[];
        };
        assert.deepEqual(
          groups.map(({ reason }) => reason),
          ["refused_by_database"],
        );
        await place.database.query("relaxing", "ALTER TABLE user_logins DROP CONSTRAINT unlucky");
        succeeded(await place.maskline(...replayAll));
        assert.deepEqual(await lostAndDoubled(place, 30), { lost: 0, doubled: 0 });
      } finally {
        await place.close();
      }
    },
  );

  test("without the right nothing is opened, and the refusal is told", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 2, hopeless: 0 });
    try {
      await mendContract(place);
      await place.database.query("forbidding", "DELETE FROM maskline.policy");
      for (const command of [replayAll, ["quarantine", "discard", "--all", ...why]]) {
        failed(await place.maskline(...command), { code: "right_missing", says: /no right to replay/, next: /policy/ });
      }
      assert.deepEqual(await steps(place), ["replay refusal", "replay refusal"]);
      assert.equal(await countRows(place.database, "maskline.quarantine"), 2);
    } finally {
      await place.close();
    }
  });

  test("these rights are enough to replay and to discard, and to read nothing of the table", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 3, hopeless: 2 });
    try {
      await mendContract(place);
      for (const statement of replayerGrants) await place.database.query("granting", statement);
      const text = await readFile(place.file, "utf8");
      await writeFile(place.file, text.replace(/postgres:\/\/\w+:[^@]+@/, "postgres://replayer:replayer@"));
      succeeded(await place.maskline(...replayAll, "--dry-run"));
      const { loaded, refused } = documentOf(succeeded(await place.maskline(...replayAll, "--json"))) as Record<string, number>;
      assert.deepEqual({ loaded, refused }, { loaded: 3, refused: 2 });
      succeeded(await place.maskline("quarantine", "discard", "--all", ...why));
      const actors = await place.database.query<{ actor: string }>(
        "looking",
        "SELECT DISTINCT actor FROM maskline.quarantine_exit",
      );
      assert.deepEqual(actors, [{ actor: "replayer" }]);
      assert.equal((await place.maskline("duplicates")).code, 3, "and not to look");
    } finally {
      await place.close();
    }
  });

  test("where a mask was removed since, it takes the right to reveal as well", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 2, hopeless: 0 });
    try {
      await mendContract(place);
      await changeContract(place, /masked_ip: .*/, "masked_ip: { from: ip, type: text, max: 50 }");
      const refused = jsonError(await place.maskline(...replayAll, "--json"));
      assert.equal(refused.code, "right_missing");
      assert.match(refused.message, /masks were removed/);
      assert.deepEqual(refused.details, ["no longer masked as then: ip"]);
      assert.deepEqual(await steps(place), ["replay refusal", "reveal refusal"]);
      assert.equal(await countRows(place.database, "user_logins"), 0);
      await place.database.query(
        "allowing",
        "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, 'quarantine', 'reveal')",
      );
      const replayed = succeeded(await place.maskline(...replayAll));
      assert.match(replayed.stderr, /warning: of 2 messages no longer as masked: ip/);
      assert.equal(await countRows(place.database, "user_logins WHERE masked_ip = '203.0.113.77'"), 2);
    } finally {
      await place.close();
    }
  });

  test(
    "where both acts need a second person, both are asked for at once, and what is printed then works",
    { timeout: 120_000 },
    async () => {
      const place = await refusedLogins(servers, { mendable: 2, hopeless: 0 });
      try {
        await mendContract(place);
        await changeContract(place, /masked_ip: .*/, "masked_ip: { from: ip, type: text, max: 50 }");
        await place.database.query("limiting", "DELETE FROM maskline.policy");
        await place.database.query(
          "limiting",
          `INSERT INTO maskline.policy (role, domain, action, values_per_day, approve_above)
         SELECT session_user, 'quarantine', action, 2, 0 FROM unnest(ARRAY['replay', 'reveal']) AS action`,
        );
        const asked = jsonError(await place.maskline(...replayAll, "--json"));
        assert.equal(asked.code, "approval_needed");
        const ids = asked.next?.match(/(?<=maskline approve )[\da-f-]{36}/g) ?? [];
        const flags = /--approval \S+ --reveal-approval \S+$/.exec(asked.next ?? "")?.[0].split(" ") ?? [];
        assert.deepEqual(ids, [flags[1], flags[3]]);
        const approve = (id: string): Promise<unknown> =>
          place.database.query(
            "agreeing",
            "UPDATE maskline.approval SET approved_by = 'second', approved_at = now() WHERE id = $1",
            [id],
          );
        await approve(ids[0] ?? "");
        const pending = jsonError(await place.maskline(...replayAll, ...flags, "--json"));
        assert.match(pending.message, /has not been given yet/);
        await approve(ids[1] ?? "");
        succeeded(await place.maskline(...replayAll, ...flags));
        assert.equal(await countRows(place.database, "user_logins"), 2);
        assert.deepEqual(await steps(place), [
          ...["replay refusal", "reveal refusal", "replay refusal", "reveal refusal"],
          ...["replay intent", "reveal intent", "replay result", "reveal result"],
        ]);
      } finally {
        await place.close();
      }
    },
  );

  test("where nobody wrote down what was masked, it is taken for removed", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 1, hopeless: 0 });
    try {
      await mendContract(place);
      await place.database.query("forgetting", "UPDATE maskline.quarantine SET masks = NULL");
      const refused = jsonError(await place.maskline(...replayAll, "--json"));
      assert.deepEqual(
        [refused.code, refused.details],
        ["right_missing", ["of 1 it is not known what was masked when they were sealed"]],
      );
    } finally {
      await place.close();
    }
  });

  test("a message that has another identity today, and had its effect under it, is a duplicate", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 3, hopeless: 0 }, { bodies: [versionless("mendable-0")] });
    try {
      await mendContract(place);
      const [first] = await place.database.query<{ id: string }>("looking", "SELECT min(id) AS id FROM maskline.quarantine");
      succeeded(await place.maskline("quarantine", "replay", first?.id ?? "", ...why, "--set", "identity=user_id"));
      const { loaded, duplicate } = documentOf(
        succeeded(await place.maskline(...replayAll, "--json", "--set", "identity=user_id")),
      ) as Record<string, number>;
      assert.deepEqual([(loaded ?? 0) + 1, duplicate], [3, 1]);
      assert.deepEqual(await lostAndDoubled(place, 3), { lost: 0, doubled: 0 });
      assert.deepEqual(await receipts(place), { discarded: 1, loaded: 6 });
    } finally {
      await place.close();
    }
  });

  test("a body that was altered, or moved to another's place, does not open and stays as it is", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 3, hopeless: 0 });
    try {
      await mendContract(place);
      await place.database.query(
        "swapping",
        `UPDATE maskline.quarantine SET sealed = (SELECT sealed FROM maskline.quarantine ORDER BY id LIMIT 1)
         WHERE id = (SELECT max(id) FROM maskline.quarantine)`,
      );
      const replayed = documentOf(succeeded(await place.maskline(...replayAll, "--json"))) as Record<string, unknown>;
      assert.deepEqual([replayed["loaded"], replayed["unopened"]], [2, 1]);
      assert.deepEqual(
        (replayed["examples"] as { failure: string }[]).map(({ failure }) => failure),
        ["not_authentic"],
      );
      assert.deepEqual(await receipts(place), { loaded: 2, quarantined: 1 });
    } finally {
      await place.close();
    }
  });

  test(
    "a message is shown as the table would hold it, to whoever may, and what was masked never plain",
    { timeout: 120_000 },
    async () => {
      const canary = "198.51.100.214";
      const place = await refusedLogins(servers, { mendable: 0, hopeless: 0 }, { bodies: [versionless("somebody", canary)] });
      try {
        const [message] = await place.database.query<{ id: string }>("looking", "SELECT id FROM maskline.quarantine");
        const show = ["quarantine", "show", message?.id ?? "", "--masked", ...why];
        failed(await place.maskline(...show), { code: "right_missing", says: /no right to reveal-partial/, next: /policy/ });
        await place.database.query(
          "allowing",
          "INSERT INTO maskline.policy (role, domain, action) VALUES (session_user, 'quarantine', 'reveal-partial')",
        );
        const { stdout, stderr } = succeeded(await place.maskline(...show));
        assert.match(stdout, /^user_id +somebody$/m);
        assert.match(stdout, /^masked_ip +[\w-]{50}$/m);
        assert.match(stdout, /^app_version +- +missing app_version$/m);
        const json = documentOf(succeeded(await place.maskline(...show, "--json"))) as { masked: unknown[] };
        assert.equal(json.masked.length, 7);
        assert.deepEqual(findCanaries(stdout + stderr + JSON.stringify(json), [canary]), []);
        // somebody takes the mask away to look through it
        await changeContract(place, /masked_ip: .*/, "masked_ip: { from: ip, type: text, max: 50 }");
        const refused = await place.maskline(...show);
        failed(refused, { code: "right_missing", says: /masks were removed/, next: /privacy officer/ });
        assert.deepEqual(await steps(place), [
          "reveal-partial refusal",
          "reveal-partial intent",
          "reveal-partial result",
          "reveal-partial intent",
          "reveal-partial result",
          "reveal refusal",
        ]);
      } finally {
        await place.close();
      }
    },
  );

  test("the list tells first and last seen, of one pipeline and since a time", { timeout: 120_000 }, async () => {
    const place = await refusedLogins(servers, { mendable: 2, hopeless: 1 });
    try {
      await place.database.query(
        "ageing",
        "UPDATE maskline.quarantine SET quarantined_at = '2026-01-02T03:04:05Z' WHERE reason = 'not_json'",
      );
      const list = async (...args: string[]): Promise<readonly string[]> => {
        const { groups } = documentOf(succeeded(await place.maskline("quarantine", "list", "--json", ...args))) as {
          groups: { reason: string; firstAt: string }[];
        };
        return groups.map(({ reason, firstAt }) => `${reason} ${reason === "not_json" ? firstAt : ""}`);
      };
      assert.deepEqual(await list(), ["missing ", "not_json 2026-01-02T03:04:05.000Z"]);
      assert.deepEqual(await list("--since", "24h"), ["missing "]);
      assert.deepEqual(await list("--since", "2026-01-02T03:04:06Z"), ["missing "]);
      assert.equal((await list("--since", "2026-01-02")).length, 2);
      assert.deepEqual(await list("--pipeline", "another"), []);
      failed(await place.maskline("quarantine", "list", "--since", "yesterday"), {
        code: "usage",
        says: /--since takes/,
        next: /./,
      });
    } finally {
      await place.close();
    }
  });

  test("no output holds a masked value, and no table but the user's", { timeout: 120_000 }, async () => {
    const canary = "198.51.100.214";
    const bodies = [versionless("somebody", canary), `{"user_id":"else","ip":"${canary}","device_id":7}`];
    const place = await refusedLogins(servers, { mendable: 0, hopeless: 0 }, { bodies });
    try {
      await mendContract(place);
      for (const args of [
        [...replayAll, "--dry-run"],
        replayAll,
        [...replayAll, "--json"],
        ["quarantine", "discard", "--all", ...why],
      ]) {
        const { stdout, stderr } = succeeded(await place.maskline(...args));
        assert.deepEqual(findCanaries(stdout + stderr, [canary]), [], args.join(" "));
      }
      assert.equal(await countRows(place.database, "user_logins"), 1, "one really went through");
      assert.deepEqual(findCanaries(JSON.stringify(await dumpTables(place.database)), [canary]), []);
    } finally {
      await place.close();
    }
  });

  test("a call that does not say which messages, or why, is refused before anything is opened", async () => {
    const place = await refusedLogins(servers, { mendable: 1, hopeless: 0 });
    try {
      const cases: readonly (readonly [readonly string[], RegExp])[] = [
        [["quarantine", "replay", ...why], /names no message/],
        [["quarantine", "replay", "--all", "some-id", ...why], /--all stands alone/],
        [["quarantine", "replay", "--reason-code", "misssing", ...why], /did you mean missing/],
        [["quarantine", "replay", "--all"], /wants a reason/],
        [["quarantine", "discard", "--all", "--reason", "long enough it is"], /wants a ticket/],
      ];
      for (const [args, says] of cases) failed(await place.maskline(...args), { code: "usage", says, next: /./ });
      failed(await place.maskline("quarantine", "replay", "no-such-id", ...why), {
        code: "not_found",
        says: /no such message/,
        next: /quarantine list/,
      });
      assert.deepEqual(
        await steps(place),
        Array.from({ length: 3 }, () => "replay refusal"),
        "those that name messages: without a reason, without a ticket, and one that is not there",
      );
    } finally {
      await place.close();
    }
  });
});

async function replayHere({ file }: Workspace, parts: Partial<ReplayRequest>): Promise<void> {
  const request: ReplayRequest = {
    selection: { ids: null, reason: null, path: null },
    why: { reason: "the field is optional now", ticket: "OPS-7", approval: null },
    revealApproval: null,
    dryRun: false,
    messagesPerSecond: Infinity,
    report: () => {},
    onBegin: () => {},
    onProgress: () => {},
    stop: new AbortController().signal,
    ...parts,
  };
  const settings = loadSettings({ file, environment: {}, overrides: [] });
  await withGovernance(
    settings,
    () => {},
    (governed) => replayQuarantine(settings, governed, request),
  );
}

/** Until rows have arrived since, and a transaction is under way in the table. */
async function untilInserting({ database }: Workspace, before: number, ended: Promise<unknown>): Promise<void> {
  let over = false;
  void ended.then(() => (over = true));
  while (!over) {
    const [row] = await database.query<{ inserting: boolean }>(
      "looking",
      `SELECT (SELECT count(*) FROM user_logins) > ${before} AND EXISTS (
         SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep') AS inserting`,
    );
    if (row?.inserting === true) return;
    await pause(2);
  }
}

async function receipts({ database }: Workspace): Promise<Readonly<Record<string, number>>> {
  const rows = await database.query<{ outcome: string; messages: number }>(
    "counting",
    `SELECT outcome, count(*)::int AS messages FROM (
       SELECT outcome FROM maskline.receipt UNION ALL SELECT outcome FROM maskline.identity_receipt) AS receipt GROUP BY 1 ORDER BY 1`,
  );
  return Object.fromEntries(rows.map(({ outcome, messages }) => [outcome, messages]));
}

/** What the audit says, in its order. */
async function steps({ database }: Workspace): Promise<readonly string[]> {
  const rows = await database.query<{ said: string }>(
    "reading the audit",
    "SELECT concat(entry::json ->> 'action', ' ', entry::json ->> 'step') AS said FROM maskline.audit ORDER BY sequence",
  );
  return rows.map(({ said }) => said);
}

function withoutAudit(dump: Readonly<Record<string, readonly string[]>>): unknown {
  const governed = ["maskline.audit", "maskline.audit_head", "maskline.audit_token", "maskline.audited_act", "maskline.spending"];
  return Object.fromEntries(Object.entries(dump).filter(([name]) => !governed.includes(name)));
}
