import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { readColumns } from "../../src/app/config/columns.ts";
import { createMasks } from "../../src/app/masks.ts";
import { compileContract } from "../../src/contract/check.ts";
import type { ColumnOptions } from "../../src/contract/column.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { Masking, type MaskingOptions } from "../../src/pipeline/masking.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import { Preparation, type Prepared } from "../../src/pipeline/prepare.ts";
import { makeDelivery } from "../harness/login-table.ts";

/** Masks on bytes and on texts, values that may be missing, masks inside values, and one that refuses what is not of its form. */
const options: Readonly<Record<string, ColumnOptions>> = {
  name: { type: "text" },
  ip: { type: "ip", mask: { kind: "siv", domain: "d.ip" }, required: false },
  device: { type: "text", max: 80, mask: { kind: "siv", domain: "d.device" }, required: false },
  ssn: { type: "text", mask: { kind: "ff1", domain: "d.ssn", template: "###-##-####" }, required: false },
  seen: { from: "device", type: "text", mask: { kind: "cmac", domain: "d.seen" }, required: false },
  details: {
    type: "json",
    paths: {
      a: { type: "text", mask: { kind: "siv", domain: "d.device" } },
      s: { type: "text", mask: { kind: "ff1", domain: "d.ssn", template: "###-##-####" } },
    },
  },
  note: { type: "text", scan: ["ip"], mask: { kind: "siv", domain: "d.note" }, required: false },
};

const { columns, faults } = readColumns(options);
assert.deepEqual(faults, []);
const masks = createMasks(columns, createKeyRing(randomBytes));
const reader = compileContract({ columns: columns.map(({ column }) => column), decode: [], maxBodyBytes: 1_048_576 });
const tokens = ["ip", "device"].flatMap(
  (name, place) => masks[place + 1]?.mask?.apply([name === "ip" ? "203.0.113.7" : "x"]) ?? [],
);

function preparation(masking: MaskingOptions = {}): (deliveries: readonly Delivery[]) => Prepared {
  const kept = new Masking(masks, masking);
  const whole = new Preparation(reader, kept);
  return (deliveries) => whole.prepare(deliveries);
}

/** What came of deliveries, by their ids. */
function outcomes({ rows, refused }: Prepared): Map<string, unknown> {
  return new Map<string, unknown>([
    ...rows.deliveries.map((delivery, row) => [delivery.id, rows.columns.map((column) => column.at(row))] as const),
    ...refused.map(({ delivery, id, faults: found }) => [delivery.id, { id, found }] as const),
  ]);
}

const texts = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 20 }),
  fc.constantFrom("", "593-47-5928", "000-00-0000", ...tokens),
);
const events = fc.record(
  {
    name: fc.oneof(texts, fc.integer()),
    ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("nowhere", tokens[0])),
    device: texts,
    ssn: fc.oneof({ weight: 4, arbitrary: fc.constantFrom("593-47-5928", null) }, { weight: 1, arbitrary: texts }),
    details: fc.record({ a: texts, s: fc.oneof(fc.constant("593-47-5928"), texts) }, { requiredKeys: [] }),
    note: texts,
  },
  { requiredKeys: [] },
);

for (const acceptTokens of [false, true]) {
  test(`a batch comes to what its deliveries come to one by one, tokens ${acceptTokens ? "accepted" : "refused"}`, () => {
    const [whole, alone] = [preparation({ acceptTokens }), preparation({ acceptTokens })];
    const seen = { rows: 0, unfit: 0, unmasked: 0 };
    fc.assert(
      fc.property(fc.array(events, { maxLength: 25 }), (batch) => {
        const deliveries = batch.map((event, place) => makeDelivery({ id: `m-${place}`, body: JSON.stringify(event) }));
        const expected = new Map(deliveries.flatMap((delivery) => [...outcomes(alone([delivery]))]));
        const prepared = whole(deliveries);
        assert.deepEqual(outcomes(prepared), expected);
        assert.deepEqual(
          prepared.rows.deliveries,
          deliveries.filter((delivery) => prepared.rows.deliveries.includes(delivery)),
          "in the order they came",
        );
        assert.deepEqual(
          prepared.rows.ids,
          prepared.rows.deliveries.map(({ id }) => id),
        );
        seen.rows += prepared.rows.ids.length;
        for (const { faults: found } of prepared.refused) {
          if (found.some(({ reason }) => reason === "already_masked" || reason === "mask_failed")) seen.unmasked += 1;
          else seen.unfit += 1;
        }
      }),
      { numRuns: 300 },
    );
    for (const [name, count] of Object.entries(seen)) assert.ok(count > 100, `${name}: ${count}`);
  });
}

test("a token passes as it is where it is accepted, in its own domain and as a whole value only", () => {
  const [ip = "", device = ""] = tokens.map(String);
  const event = (parts: object): Delivery => makeDelivery({ body: JSON.stringify(parts) });
  const deliveries = [event({ device }), event({ device: ip }), event({ details: { a: device } }), event({ device: "x" })];
  const { rows, refused } = preparation({ acceptTokens: true })(deliveries);
  const written = rows.columns[2]?.texts() ?? [];
  assert.equal(written[0], device);
  assert.equal(written[2], device);
  assert.equal(rows.columns[2]?.texts().length, 3);
  assert.ok(written[1] !== ip && written[1] !== null, "masked again");
  assert.deepEqual(
    refused.map(({ faults: found }) => found.map(({ path, reason }) => `${path} ${reason}`)),
    [["details.a already_masked"]],
  );
});

test("nothing of the values is left in the memory of their columns once they are masked, whatever became of them", () => {
  // not in any file, and in no column that keeps a part of its values: memory that comes up again may hold what was there before
  const canary = randomBytes(8).toString("hex");
  const event = fc.record({
    name: fc.constantFrom("ann", "ann", "ann", 7),
    ip: fc.constantFrom("198.51.100.231", "198.51.100.231", "nowhere"),
    // some are refused with a part of them written already, and some make the memory grow
    device: fc.constantFrom(canary, `${canary}é`, `${canary}\0`, canary.repeat(4), tokens[1]),
    ssn: fc.constantFrom("593-47-5928", canary),
    note: fc.constantFrom("a note", "198.51.100.231"),
  });
  const masking = new Masking(masks);
  const memory = new Set<Buffer>();
  let seen = 0;
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 90, size: "max" }), (batch) => {
      const rows = { columns: masking.begin(batch.length), ids: [] };
      const values = rows.columns.filter((_, place) => masks[place]?.mask !== null);
      const holdsCanary = (): boolean => [...memory].some((bytes) => bytes.includes(canary));
      for (const each of batch) {
        reader.append(makeDelivery({ body: JSON.stringify(each) }), rows);
        for (const { bytes } of values) memory.add(bytes);
      }
      if (holdsCanary()) seen += 1;
      masking.finish();
      assert.ok(!holdsCanary());
    }),
    { numRuns: 100 },
  );
  assert.ok(seen > 50 && memory.size > masks.length, `the canary was there ${seen} times, in ${memory.size} places`);
});
