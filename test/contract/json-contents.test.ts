import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { columnProblem, mayBeNull } from "../../src/contract/check.ts";
import type { Column } from "../../src/contract/column.ts";
import { column, compileContract, contract, incoming } from "./contracts.ts";

function path(name: string, parts: Partial<Column> = {}): Column {
  return column(name, { from: `details.${name}`, masked: "canonical", ...parts });
}

const details = column("details", {
  type: "json",
  paths: [
    path("client.ip", { type: "ip" }),
    path("devices.*.id", { max: 5 }),
    path("user.mail", { type: "email", required: true }),
  ],
});

function check(body: unknown, columns: readonly Column[] = [details]) {
  return compileContract(contract(columns))(incoming(JSON.stringify(body)));
}

const mail = { mail: "Ann@Example.COM" };

suite("what lies at the paths of a JSON column", () => {
  test("is read by its type, and the rest stays as it was sent", () => {
    const checked = check({
      details: {
        client: { ip: " ::FFFF:203.0.113.7", n: 1.5 },
        devices: [{ id: " a " }, { id: null }, { id: "" }, {}],
        user: mail,
        rest: [" x "],
      },
    });
    assert.deepEqual(checked, {
      values: [
        '{"client":{"ip":"203.0.113.7","n":1.5},"devices":[{"id":"a"},{"id":null},{"id":""},{}],"user":{"mail":"Ann@example.com"},"rest":[" x "]}',
      ],
    });
  });

  test("has faults of its own, with the path and never a value, and all of them", () => {
    assert.deepEqual(
      check({ details: { client: { ip: "secret" }, devices: [{ id: "secret" }, { id: 5 }], user: { mail: " " } } }),
      {
        faults: [
          { reason: "bad_format", path: "details.client.ip", expected: "an IP address", found: "text" },
          { reason: "too_long", path: "details.devices.*.id", expected: "at most 5 characters", found: "6 characters" },
          { reason: "missing", path: "details.user.mail", expected: "a value", found: "empty text" },
        ],
      },
    );
  });

  test("is a fault where a single value is needed and another JSON type stands, also on the way", () => {
    const reasons = (body: object): readonly string[] => {
      const checked = check({ details: { user: mail, ...body } });
      return "faults" in checked ? checked.faults.map(({ reason, path: at, found }) => `${reason} ${at} ${found}`) : [];
    };
    assert.deepEqual(reasons({ client: { ip: ["203.0.113.7"] } }), ["wrong_type details.client.ip list"]);
    assert.deepEqual(reasons({ client: { ip: { v4: "203.0.113.7" } } }), ["wrong_type details.client.ip object"]);
    assert.deepEqual(reasons({ client: [{ ip: "203.0.113.7" }] }), ["wrong_type details.client list"]);
    assert.deepEqual(reasons({ devices: "203.0.113.7" }), ["wrong_type details.devices text"]);
    assert.deepEqual(reasons({ client: null, devices: [] }), []);
  });

  test("may be missing unless it is required", () => {
    const found = (body: object | null): string => {
      const checked = check({ details: body });
      return "faults" in checked ? checked.faults.map((fault) => `${fault.reason} ${fault.path} ${fault.found}`).join() : "";
    };
    assert.equal(found({ user: mail }), "");
    assert.equal(found({}), "missing details.user.mail absent");
    assert.equal(found({ user: null }), "missing details.user.mail absent");
    assert.equal(found({ user: { mail: null } }), "missing details.user.mail null");
  });

  test("that is required is required of a message without the column too, and of an empty list", () => {
    const faultsOf = (body: unknown, columns: readonly Column[] = [details]): readonly string[] => {
      const checked = check(body, columns);
      return "faults" in checked ? checked.faults.map((fault) => `${fault.reason} ${fault.path} ${fault.found}`) : [];
    };
    assert.deepEqual(faultsOf({}), ["missing details.user.mail absent"]);
    assert.deepEqual(faultsOf({ details: null }), ["missing details.user.mail null"]);
    assert.deepEqual(
      faultsOf({}, [{ ...details, required: true }]),
      ["missing details absent"],
      "the column's own fault is enough",
    );
    assert.equal(mayBeNull(details), false);
    const ids = column("details", { type: "json", paths: [path("ids.*", { required: true }), path("other")] });
    assert.deepEqual(faultsOf({ details: { ids: [] } }, [ids]), ["missing details.ids.* absent"]);
    assert.deepEqual(faultsOf({ details: { ids: ["x"] } }, [ids]), []);
    const optional = column("details", { type: "json", paths: [path("other")] });
    assert.deepEqual(check({}, [optional]), { values: [null] });
    assert.equal(mayBeNull(optional), true);
  });

  test("leaves the body alone for the columns that read the same part", () => {
    const raw = column("ip", { from: "details.client.ip" });
    const checked = check({ details: { client: { ip: "::FFFF:203.0.113.7" }, user: mail } }, [details, raw]);
    assert.deepEqual("values" in checked && checked.values[1], "::FFFF:203.0.113.7");
  });

  test("must fit a default, which is read like any value", () => {
    const withDefault = (fallback: string): Column => ({ ...details, fallback });
    assert.equal(columnProblem(withDefault("{}")), "default: does not fit what paths says of the column");
    assert.deepEqual(check({}, [withDefault('{"user":{"mail":"A@B.DE"}}')]), { values: ['{"user":{"mail":"A@b.de"}}'] });
  });
});

test("a bad path is a problem of the column", () => {
  for (const bad of ["a..b", "", "a*", "a.*b"])
    assert.match(columnProblem(column("d", { type: "json", paths: [path(bad)] })) ?? "", /^paths: .*is not a path/);
  for (const good of ["a", "*", "a.*.b", "a.b"])
    assert.equal(columnProblem(column("d", { type: "json", paths: [path(good)] })), null);
});
