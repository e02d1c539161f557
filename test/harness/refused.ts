import assert from "node:assert/strict";

import { MasklineError } from "../../src/errors.ts";

/** Whether work fails with this code, and no other. */
export async function refused(work: Promise<unknown>, code: MasklineError["code"]): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof MasklineError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.next, "it says what to do");
    return true;
  });
}
