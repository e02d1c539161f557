import { MasklineError } from "../errors.ts";
import type { Advance } from "../pipeline/ports.ts";
import type { Statement } from "./extended-messages.ts";
import { quoteName } from "./names.ts";

/**
 * Moves the position of a stream by compare-and-swap, in the transaction of the load: whoever comes second waits for the first, finds the
 * position moved, and rolls back: `requireAdvanced`.
 */
export function advancing(schema: string, pipeline: number, { stream, from, to }: Advance): Statement {
  const position = `${quoteName(schema)}.position`;
  return {
    sql: `INSERT INTO ${position} AS position (pipeline, stream, next)
     SELECT $1::smallint, $2::text, $4::bigint WHERE $3::bigint = 0
        OR EXISTS (SELECT FROM ${position} WHERE pipeline = $1::smallint AND stream = $2::text AND next = $3::bigint)
     ON CONFLICT (pipeline, stream) DO UPDATE SET next = excluded.next, moved_at = now() WHERE position.next = $3::bigint
     RETURNING 1`,
    parameters: [pipeline, stream, from, to],
  };
}

/**
 * Looks at what that statement answered; within its transaction.
 * @throws MasklineError `position_moved`
 */
export function requireAdvanced(moved: readonly unknown[] = []): void {
  if (moved.length > 0) return;
  throw new MasklineError("position_moved", "another process has loaded this part of the input", {
    next: "nothing was written twice; this process goes on with the next part",
  });
}
