import assert from "node:assert/strict";

import { openKeyRing, sealing } from "../../../src/app/assemble-keys.ts";
import { openSink } from "../../../src/app/assemble-sink.ts";
import type { Settings } from "../../../src/app/config/load.ts";
import { createMasks, preparation } from "../../../src/app/masks.ts";
import type { Batch, Delivery, LedgerPosition } from "../../../src/pipeline/ports.ts";
import type { Preparation } from "../../../src/pipeline/prepare.ts";
import { countOutcomes, type Counts } from "../../../src/pipeline/report.ts";
import type { Database } from "../../../src/postgres/database.ts";
import type { PostgresSink } from "../../../src/postgres/sink.ts";
import { makeDelivery, position } from "../../harness/login-table.ts";
import { marker } from "./bodies.ts";

const run = "f0220000-0000-4000-8000-000000000001";

/** The whole way of a message but for its queue, in this thread: contract, masks, and the load into a real table. */
export class FuzzedLoad {
  readonly #database: Database;
  readonly #sink: PostgresSink;
  readonly #preparation: Preparation;
  readonly #openSeal: () => Batch["seal"];
  #sequence = 0;
  #received = 0;

  private constructor(database: Database, sink: PostgresSink, preparation: Preparation, openSeal: () => Batch["seal"]) {
    this.#database = database;
    this.#sink = sink;
    this.#preparation = preparation;
    this.#openSeal = openSeal;
  }

  static async open(settings: Settings, database: Database): Promise<FuzzedLoad> {
    const ring = await openKeyRing(settings);
    const masked = createMasks(settings.columns, ring);
    const sink = await openSink(settings, ring, masked, database);
    return new FuzzedLoad(database, sink, preparation(settings, masked), sealing(settings, ring));
  }

  /** Loads one batch of bodies and holds the database against what was handed in. Throws when anything does not add up. */
  async load(bodies: readonly string[]): Promise<Counts> {
    const deliveries = bodies.map((body) => makeDelivery({ body }));
    const prepared = this.#preparation.prepare(deliveries);
    assert.equal(prepared.rows.deliveries.length + prepared.refused.length, bodies.length, "a row or a refusal for each");
    for (const { faults } of prepared.refused) {
      assert.notEqual(faults.length, 0, "a refusal says why");
      assert.ok(!JSON.stringify(faults).includes(marker), "a fault holds nothing of the body");
    }
    this.#sequence += 1;
    this.#received += bodies.length;
    const settlements = await this.#sink.load({ ...prepared, position: this.#position(), seal: this.#openSeal() });
    assert.deepEqual(
      settlements.map(({ delivery }) => delivery.id).toSorted(),
      deliveries.map(({ id }) => id).toSorted(),
      "each is settled once",
    );
    await this.#holdAgainstTables(
      deliveries,
      new Set(settlements.flatMap(({ delivery, outcome }) => (outcome === "loaded" ? [delivery.id] : []))),
    );
    return countOutcomes(settlements);
  }

  /** Every message is one row or one refused message, as its settlement says, and what was stored as it was sent is what was sent. */
  async #holdAgainstTables(deliveries: readonly Delivery[], loaded: ReadonlySet<string>): Promise<void> {
    const ids = deliveries.map(({ id }) => id);
    const found = await this.#database.query<{ id: string; place: string; text: string | null; shown: string }>(
      "reading a fuzzed batch",
      `SELECT message_id AS id, 'row' AS place, user_id AS text, '' AS shown FROM fuzzed WHERE message_id = ANY ($1)
       UNION ALL SELECT id, 'refused', NULL, faults::text || structure::text FROM maskline.quarantine WHERE id = ANY ($1)`,
      [ids],
    );
    assert.deepEqual(
      found.map(({ id, place }) => `${id} ${place}`).toSorted(),
      ids.map((id) => `${id} ${loaded.has(id) ? "row" : "refused"}`).toSorted(),
      "the tables hold what was settled",
    );
    const bodyOf = new Map(deliveries.map(({ id, body }) => [id, body]));
    for (const { id, place, text, shown } of found) {
      assert.ok(!shown.includes(marker), "what is kept of a refused message in the clear holds nothing of the body");
      if (place === "row")
        assert.equal(text, (JSON.parse(bodyOf.get(id) ?? "") as { user_id: string }).user_id, "a row holds what was sent");
    }
  }

  /** The lane ends in order: the ledger has one row a load, and its sums are those of the tables. */
  async close(counts: Counts): Promise<void> {
    this.#sequence += 1;
    await this.#sink.closeLane(this.#position());
    const [sums] = await this.#database.query<Record<string, number>>(
      "summing up",
      `SELECT (SELECT sum(loaded + quarantined + duplicate)::int FROM maskline.ledger) AS accounted, (SELECT count(*)::int FROM fuzzed) AS rows,
         (SELECT count(*)::int FROM maskline.quarantine) AS refused, (SELECT count(*)::int FROM maskline.receipt) AS receipts`,
    );
    assert.deepEqual(sums, {
      accounted: this.#received,
      rows: counts.loaded,
      refused: counts.quarantined,
      receipts: this.#received,
    });
  }

  #position(): LedgerPosition {
    return position({ run, sequence: this.#sequence, received: this.#received });
  }
}
