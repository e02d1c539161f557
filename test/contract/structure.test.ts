import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import * as fc from "fast-check";

import { contractHash } from "../../src/contract/contract-hash.ts";
import { describeStructure } from "../../src/contract/structure.ts";
import { column, contract, incoming, login, loginContract } from "./contracts.ts";

test("the shape of a message names the contract's own fields, their types and lengths", () => {
  const body = JSON.stringify({ ...login, user_id: 7, locale: null, device_id: "👍👍", app_version: ["2"], "jane@example.org": 1 });
  assert.deepEqual(describeStructure(loginContract, incoming(body)), [
    { path: "user_id", found: "number", length: null },
    { path: "device_type", found: "text", length: 7 },
    { path: "ip", found: "text", length: 11 },
    { path: "device_id", found: "text", length: 2 },
    { path: "locale", found: "null", length: null },
    { path: "app_version", found: "list", length: null },
  ]);
});

test("it looks through wrappings, and names a path once", () => {
  const wrapped = contract([column("a.b"), column("again", { from: "a.b" })], { decode: ["base64", "gzip"] });
  const body = gzipSync('{"a": {"b": true}}').toString("base64");
  assert.deepEqual(describeStructure(wrapped, incoming(body)), [{ path: "a.b", found: "true/false", length: null }]);
});

test("a body that cannot be opened has no shape, and none makes it throw or shows a value", () => {
  assert.deepEqual(describeStructure(loginContract, incoming("not JSON")), []);
  assert.deepEqual(describeStructure(loginContract, incoming("[1]")), []);
  fc.assert(
    fc.property(fc.json(), fc.string(), (json, text) => {
      describeStructure(loginContract, incoming(json));
      const shape = describeStructure(
        loginContract,
        incoming(JSON.stringify({ ...login, locale: `qXz7canary${text}`, qXz7canary: text })),
      );
      assert.ok(!JSON.stringify(shape).includes("qXz7canary"));
    }),
  );
});

test("a contract's hash follows what it says, not the order in which its parts are written", () => {
  const hash = contractHash(loginContract);
  assert.match(hash, /^[0-9a-f]{64}$/);
  const { columns, decode, maxBodyBytes } = loginContract;
  const turned = columns.map((each) => Object.fromEntries(Object.entries(each).reverse()) as unknown as typeof each);
  assert.equal(contractHash({ maxBodyBytes, decode, columns: turned }), hash);
  assert.notEqual(contractHash({ ...loginContract, maxBodyBytes: 1 }), hash);
  assert.notEqual(contractHash({ ...loginContract, columns: [...columns].reverse() }), hash);
});
