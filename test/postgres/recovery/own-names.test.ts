import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, suite, test } from "node:test";

import type { PostgresServer } from "../../../src/demo/postgres-server.ts";
import { DatabaseRefusal } from "../../../src/postgres/database.ts";
import { pinMaskDefinitions } from "../../../src/postgres/mask-definitions.ts";
import { registerPipeline } from "../../../src/postgres/pipelines.ts";
import { announceKeys } from "../../../src/postgres/ring-keys.ts";
import { noteSealingTimes, readSealingTimes } from "../../../src/postgres/sealing-times.ts";
import { findTrip, resumeTrip, storeTrip } from "../../../src/postgres/trips.ts";
import { postgresServers } from "../../engines/postgres-servers.ts";
import { GovernedDatabase } from "../../harness/governed-database.ts";
import { giveRoles } from "../../harness/role-members.ts";

/** Who did something, and when, is not for the one who does it to say: with SQL of his own in the place of maskline. */
for (const { name, missing, start } of postgresServers()) {
  suite(`names and times that the database says itself, on ${name}`, { skip: missing ?? false }, () => {
    let server: PostgresServer;
    let place: GovernedDatabase;
    let pipeline: number;
    before(async () => {
      server = await start();
      place = await GovernedDatabase.create(server);
      await giveRoles(place);
      pipeline = await registerPipeline(place.as("writer"), "maskline", "logins");
    });
    after(async () => {
      await place?.close();
      await server?.stop();
    });

    test("who replays signs what left the quarantine with the own name, and with the time it is", async () => {
      const replayer = place.as("replayer");
      const columns = "act, pipeline, sent_at, id, outcome, reason, contract_hash, quarantined_at";
      const values = "$1, $2, now(), 'm', 'discarded', 'missing', '', now()";
      const act = randomUUID();
      const insert = (more: string, value: string): Promise<unknown> =>
        replayer.query("leaving", `INSERT INTO maskline.quarantine_exit (${columns}${more}) VALUES (${values}${value})`, [
          act,
          pipeline,
        ]);
      await denied(insert(", actor", ", 'ada'"));
      await denied(insert(", left_at", ", '1990-01-01'"));
      await insert("", "");
      const { rows } = await place.admin.query(
        "SELECT actor, left_at > now() - interval '1 hour' AS now FROM maskline.quarantine_exit WHERE act = $1",
        [act],
      );
      assert.deepEqual(rows, [{ actor: "replayer", now: true }]);
    });

    test("who resumes a pipeline does so in the own name, once, and what has ended stays as it is", async () => {
      const [writer, operator] = [place.as("writer"), place.as("operator")];
      const facts = { refused: 31, seen: 412, limits: { refused: 30, share: null, window: 1000 }, reasons: [] };
      const stop = (): Promise<unknown> =>
        writer.transaction("stopping", (query) => storeTrip(query, "maskline", pipeline, randomUUID(), facts));
      await stop();
      for (const change of ["resumed_by = 'ada'", "resumed_at = '1990-01-01'", "refused = 0", "tripped_at = now()"]) {
        await denied(operator.query("resuming", `UPDATE maskline.trip SET resume_reason = 'mended', ${change}`));
      }
      const resumed = await resumeTrip(operator, "maskline", "logins", "mended");
      assert.deepEqual([resumed?.resumedBy, resumed?.resumeReason], ["operator", "mended"]);
      assert.ok(resumed?.resumedAt instanceof Date && resumed.resumedAt >= resumed.trippedAt);
      await denied(operator.query("rewriting", "UPDATE maskline.trip SET resume_reason = 'it was Ada'"));
      await denied(operator.query("rewriting", "UPDATE maskline.trip SET resume_reason = NULL"));

      await stop();
      // by the owner's rights too
      await place.admin.query(
        "UPDATE maskline.trip SET resume_reason = 'by hand', resumed_by = 'ada', resumed_at = '1990-01-01' WHERE resumed_at IS NULL",
      );
      const { rows } = await place.admin.query(
        "SELECT resumed_by = session_user AS own, resumed_at >= tripped_at AS after FROM maskline.trip WHERE resume_reason = 'by hand'",
      );
      assert.deepEqual(rows, [{ own: true, after: true }]);
    });

    test("who stops a pipeline cannot say that it was resumed, nor when it stopped", async () => {
      const [columns, values] = ["pipeline, run, refused, seen, limits, reasons", "$1, $2, 1, 1, '{}', '[]'"];
      const insert = (more: string, value: string): Promise<unknown> =>
        place
          .as("writer")
          .query("stopping", `INSERT INTO maskline.trip (${columns}${more}) VALUES (${values}${value})`, [pipeline, randomUUID()]);
      await denied(insert(", tripped_at", ", '1990-01-01'"));
      await denied(insert(", resumed_at, resumed_by, resume_reason", ", now(), 'operator', 'mended'"));
      assert.equal(await findTrip(place.as("operator"), "maskline", "logins"), null);
    });

    test("who writes makes roots and masks known, and says nothing of sealing keys, nor since when anything is known", async () => {
      const [ring, sealing] = [16, 777];
      const monthAgo = Date.now() - 40 * 86_400_000;
      const { roots } = await announceKeys(place.as("writer"), "maskline", ring, ring, [{ id: ring, status: "ENABLED" }]);
      assert.deepEqual(roots, [{ id: ring, standing: "open" }]);
      for (const [index, role] of ["writer", "replayer"].entries()) {
        const person = place.as(role);
        const [sealed, domain] = [sealing + index, `d${index}`];
        const pin = { domain, keyId: ring, checkValue: Buffer.alloc(8), fingerprint: "00" };
        await pinMaskDefinitions(person, "maskline", [pin], [ring]);
        for (const row of [
          `(ring, kind, key_id, state, changed_at) VALUES (${ring}, 'sealing', ${sealed}, 'open', '1990-01-01')`,
          `(ring, kind, key_id, state) VALUES (${ring}, 'sealing', ${sealed}, 'closed')`,
          `(ring, key_id, state, changed_at) VALUES (${ring}, 99, 'open', '1990-01-01')`,
          `(ring, key_id, state, position) OVERRIDING SYSTEM VALUE VALUES (${ring}, 99, 'open', 1)`,
        ]) {
          await denied(person.query("ageing a key", `INSERT INTO maskline.ring_key ${row}`));
        }
        await denied(noteSealingTimes(person, "maskline", ring, [sealed], 0));
        await denied(person.query("ageing a key", "UPDATE maskline.ring_key SET changed_at = '1990-01-01'"));
        await denied(
          person.query(
            "ageing a mask",
            `INSERT INTO maskline.mask_definition (domain, key_id, check_value, fingerprint, recorded_at) VALUES ('e', 16, '', '', '1990-01-01')`,
          ),
        );
        // what it may say of a key with that number is of a root
        await person.query("guessing", `INSERT INTO maskline.ring_key (ring, key_id, state) VALUES (${ring}, ${sealed}, 'closed')`);
      }
      assert.deepEqual(await readSealingTimes(place.as("rekeyer"), "maskline", ring), []);
      await noteSealingTimes(place.as("rekeyer"), "maskline", ring, [sealing], monthAgo);
      const [known] = await readSealingTimes(place.as("rekeyer"), "maskline", ring);
      assert.deepEqual(known, { id: sealing, atMs: monthAgo, closed: false });
    });
  });
}

async function denied(doing: Promise<unknown>): Promise<void> {
  await assert.rejects(doing, (error) => {
    assert.ok(error instanceof DatabaseRefusal, String(error));
    assert.equal(error.failure.sqlState, "42501");
    return true;
  });
}
