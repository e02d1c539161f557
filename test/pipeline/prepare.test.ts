import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { readColumns } from "../../src/app/config/columns.ts";
import { createMasks } from "../../src/app/masks.ts";
import { compileContract } from "../../src/contract/check.ts";
import type { ColumnOptions } from "../../src/contract/column.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import type { ColumnMask } from "../../src/masks/mask.ts";
import { type MaskedColumn, Masking } from "../../src/pipeline/masking.ts";
import type { Delivery } from "../../src/pipeline/ports.ts";
import { Preparation, type Prepared } from "../../src/pipeline/prepare.ts";
import { makeDelivery } from "../harness/login-table.ts";

const ring = createKeyRing(randomBytes);
const login: Readonly<Record<string, ColumnOptions>> = {
  user_id: { type: "text", max: 128, required: true },
  masked_ip: { from: "ip", type: "ip", mask: { kind: "siv", domain: "login.ip" } },
  masked_device: { from: "device_id", type: "text", mask: { kind: "siv", domain: "login.device" } },
  seen: { from: "device_id", type: "text", mask: { kind: "hmac", domain: "login.seen" } },
};

type ChangeMasks = (masks: readonly MaskedColumn[]) => readonly MaskedColumn[];

function wholePreparation(
  options: Readonly<Record<string, ColumnOptions>> = login,
  change: ChangeMasks = (masks) => masks,
): Preparation {
  const { columns, faults } = readColumns(options);
  assert.deepEqual(faults, []);
  const reader = compileContract({ columns: columns.map(({ column }) => column), decode: [], maxBodyBytes: 1_048_576 });
  const masking = new Masking(change(createMasks(columns, ring)));
  return new Preparation(reader, masking);
}

function preparation(...given: Parameters<typeof wholePreparation>): (deliveries: readonly Delivery[]) => Prepared {
  const whole = wholePreparation(...given);
  return (deliveries) => whole.prepare(deliveries);
}

function event(parts: Record<string, unknown> = {}): Delivery {
  return makeDelivery({ body: JSON.stringify({ user_id: "u", ip: "203.0.113.77", device_id: "593-47-5928", ...parts }) });
}

const columnOf = ({ rows }: Prepared, index: number): readonly (string | null)[] => rows.columns[index]?.texts() ?? [];
const reasonsOf = ({ refused }: Prepared): string[] =>
  refused.map(({ faults }) => faults.map(({ reason, path }) => `${reason} ${path}`).join(", "));

test("equal values have equal tokens in a domain, and different ones in another", () => {
  const prepared = preparation()([
    event(),
    event({ ip: " 203.0.113.77 " }),
    event({ ip: "::ffff:203.0.113.77" }),
    event({ ip: "203.0.113.78" }),
  ]);
  const [first, second, third, fourth] = columnOf(prepared, 1);
  assert.equal(first, second, "white space is no part of an address");
  assert.equal(first, third, "one address, two spellings");
  assert.notEqual(first, fourth);
  const same = preparation()([event({ device_id: "203.0.113.77" })]);
  assert.notEqual(columnOf(same, 2)[0], columnOf(same, 1)[0], "one text, two domains");
});

test("a missing, null or empty masked value is refused, never a token shared by all", () => {
  const prepared = preparation()([event({ device_id: undefined }), event({ device_id: null }), event({ device_id: "  " })]);
  assert.equal(prepared.rows.deliveries.length, 0);
  assert.deepEqual([...new Set(reasonsOf(prepared))], ["missing device_id, missing device_id"]);
});

test("an optional masked value that is missing stays missing", () => {
  const optional: ColumnOptions = {
    from: "device_id",
    type: "text",
    required: false,
    mask: { kind: "siv", domain: "login.device" },
  };
  const prepared = preparation({ masked_device: optional })([event({ device_id: null }), event()]);
  assert.equal(columnOf(prepared, 0)[0], null);
  assert.match(columnOf(prepared, 0)[1] ?? "", /^A/);
});

test("a value that is our own token already is refused: its sender must not have another's original revealed as his", () => {
  const token = columnOf(preparation()([event()]), 2)[0];
  const prepared = preparation()([event(), event({ device_id: token }), event()]);
  assert.deepEqual(reasonsOf(prepared), ["already_masked device_id"]);
  assert.equal(prepared.rows.deliveries.length, 2);
  assert.equal(columnOf(prepared, 1).length, 2, "its neighbours keep their places");
  const foreign = columnOf(preparation()([event()]), 1)[0];
  assert.equal(
    preparation()([event({ device_id: foreign })]).rows.deliveries.length,
    1,
    "a token of another domain is just a text here",
  );
});

/** Fails with the whole slice that holds the value, as late as it can. */
const failingAtPoison: ChangeMasks = (masks) =>
  masks.map((masked, index) => {
    const { mask } = masked;
    if (index !== 2 || mask === null) return masked;
    const apply: ColumnMask["apply"] = (values) => {
      if (values.includes("poison")) throw new Error("as asked");
      return mask.apply(values);
    };
    const write: ColumnMask["write"] = (plain, tokens) => {
      mask.write(plain, tokens);
      if (plain.texts().includes("poison")) throw new Error("as asked");
    };
    return { ...masked, mask: { ...mask, apply, write } };
  });

test("a mask that fails refuses its value only, and never lets the original through", () => {
  const broken = preparation(login, failingAtPoison);
  const prepared = broken([event(), event({ device_id: "poison" }), event()]);
  assert.deepEqual(reasonsOf(prepared), ["mask_failed device_id"]);
  assert.equal(prepared.rows.deliveries.length, 2);
  assert.ok(columnOf(prepared, 2).every((token) => token?.startsWith("A")));
});

test("every delivery is a row or a refusal, once, in the order it came; whatever the bodies are", () => {
  const body = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({
        user_id: fc.oneof(fc.string(), fc.integer()),
        ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()),
        device_id: fc.oneof(fc.string(), fc.constant(null)),
      })
      .map((value) => JSON.stringify(value)),
  );
  const run = preparation();
  fc.assert(
    fc.property(fc.array(body, { maxLength: 20 }), (bodies) => {
      const deliveries = bodies.map((text) => makeDelivery({ body: text }));
      const { rows, refused } = run(deliveries);
      const outcome = [...rows.deliveries, ...refused.map(({ delivery }) => delivery)];
      assert.deepEqual(outcome.map(({ id }) => id).sort(), deliveries.map(({ id }) => id).sort());
      assert.deepEqual(
        rows.deliveries,
        deliveries.filter((delivery) => rows.deliveries.includes(delivery)),
      );
      for (const column of rows.columns) assert.equal(column.count, rows.deliveries.length);
      assert.ok(refused.every(({ faults }) => faults.length > 0));
    }),
    { numRuns: 300 },
  );
});

test("a message is known by its identity where the contract names one: as a row, and refused by its contract or a mask", () => {
  const { columns } = readColumns(login);
  const reader = compileContract({
    columns: columns.map(({ column }) => column),
    decode: [],
    maxBodyBytes: 1_048_576,
    identity: "order",
  });
  const masking = new Masking(createMasks(columns, ring));
  const token = columnOf(preparation()([event()]), 2)[0];
  const deliveries = [
    event({ order: "o-1" }),
    event({ order: 2, ip: "nowhere" }),
    event({ order: "o-3", device_id: token }),
    event(),
  ];
  const prepared = new Preparation(reader, masking).prepare(deliveries);
  assert.deepEqual(prepared.rows.ids, ["o-1"]);
  assert.deepEqual(
    prepared.refused.map(({ id, faults }) => [id, faults[0]?.reason]).sort(),
    [
      ["2", "bad_format"],
      ["o-3", "already_masked"],
      [deliveries[3]?.id, "missing"],
    ].sort(),
    "without one it is known by its own id",
  );
});

/** More than are read at once. */
const manyRows = 5_000;
const isUnread = (index: number): boolean => index % 977 === 3;
const isUnmasked = (index: number): boolean => index % 1_009 === 5;

function manyEvents(seed: string): Delivery[] {
  return Array.from({ length: manyRows }, (_, index) => {
    const ip = isUnread(index) ? "no address" : `203.0.${index % 7}.${index % 250}`;
    return event({ user_id: `${seed}-${index}`, ip, device_id: isUnmasked(index) ? "poison" : `${seed} ${index % 100}` });
  });
}

/** What a batch must come to, found one by one. */
function assertMade({ rows, refused }: Prepared, deliveries: readonly Delivery[], alone: Preparation): void {
  const fit = deliveries.filter((_, index) => !isUnread(index) && !isUnmasked(index));
  assert.deepEqual(rows.deliveries, fit);
  assert.equal(refused.length, deliveries.length - fit.length);
  const places = [0, 1, 2_040, 2_045, 2_050, 4_090, 4_100, fit.length - 1];
  for (const place of places) {
    const expected = alone.prepare([fit[place] as Delivery]).rows.columns.map((column) => column.at(0));
    assert.deepEqual(
      rows.columns.map((column) => column.at(place)),
      expected,
      `row ${place}`,
    );
  }
  for (const column of rows.columns) assert.equal(column.count, fit.length);
}

test("a batch that is read and masked in slices comes to the same as its rows one by one", () => {
  const whole = wholePreparation(login, failingAtPoison);
  const deliveries = manyEvents("one");
  assertMade(whole.prepare(deliveries), deliveries, wholePreparation());
});

test("two lanes that prepare at once do not mix; nor does a batch in the memory of one that was loaded", async () => {
  const whole = wholePreparation(login, failingAtPoison);
  const [one, two, three] = [manyEvents("one"), manyEvents("two"), manyEvents("three")];
  const [first, second] = await Promise.all([whole.prepareInTurn(one), whole.prepareInTurn(two)]);
  assertMade(first, one, wholePreparation());
  first.recycle?.();
  const third = await whole.prepareInTurn(three);
  assert.equal(third.rows.columns[2], first.rows.columns[2], "in the same memory");
  assertMade(second, two, wholePreparation());
  assertMade(third, three, wholePreparation());
});
