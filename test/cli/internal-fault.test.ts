import assert from "node:assert/strict";
import { test } from "node:test";

import { internalFault } from "../../src/cli/internal-fault.ts";

test("a fault of ours tells where it arose, and nothing of its text, even where that looks like a frame", () => {
  const fault = internalFault(new RangeError("canary-1\n    at canary-2 (file:///canary-3:1:1)"));
  assert.equal(fault.code, "internal");
  assert.match(fault.message, /RangeError/);
  assert.match(fault.details[0] ?? "", /internal-fault\.test\.ts/);
  assert.doesNotMatch(JSON.stringify([fault.message, fault.details, fault.next]), /canary/);
});

test("a text that was changed after the error arose cannot slip through", () => {
  const error = new Error("first\n    at canary-4");
  // the stack is made when it is first read, and keeps the text of then
  assert.match(error.stack ?? "", /canary-4/);
  error.message = "second";
  assert.deepEqual(internalFault(error).details, []);
});

test("what is no error is told by its type", () => {
  const fault = internalFault("canary");
  assert.match(fault.message, /string/);
  assert.deepEqual(fault.details, []);
  assert.doesNotMatch(fault.message, /canary/);
});
