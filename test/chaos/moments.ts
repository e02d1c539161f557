import type { Moment } from "./fault-proxy.ts";
import type { QueueCall } from "./queue-server.ts";

/**
 * The moments of a worker's work at which it can be held from outside. Nothing in the product knows of them: each worker has a way of
 * its own to the queue and to the database, and what passes there tells where it is.
 *
 * | moment       | seen where                                                                                |
 * |--------------|-------------------------------------------------------------------------------------------|
 * | `parked`     | the queue is asked for messages                                                           |
 * | `received`   | the queue has handed out messages, which are still on their way                           |
 * | `masked`     | the database is asked to write rows: they are checked and masked                          |
 * | `committing` | COMMIT of such a load is on its way; the database has not seen it                         |
 * | `committed`  | the database has answered that COMMIT; the worker has not heard it                        |
 * | `deleting`   | the queue is asked to delete                                                              |
 * | `extending`  | the queue is asked to change the visibility of messages: a heartbeat, or a release        |
 * | `rekeying`   | the database is asked to put new tokens into rows                                         |
 * | `linking`    | the database is asked to write whose originals of the vault are                           |
 * | `erasing`    | the database is asked to remove such links                                                |
 *
 * A replay of quarantined messages is a load as well: it passes `masked`, `committing` and `committed`. What removes links passes the two latter.
 */
export const moments = [
  "parked",
  "received",
  "masked",
  "committing",
  "committed",
  "deleting",
  "extending",
  "rekeying",
  "linking",
  "erasing",
] as const;
export type MomentName = (typeof moments)[number];

/** Which moment a call to the queue is; null for none. */
export function momentOfCall({ action, phase, messages }: QueueCall): MomentName | null {
  if (phase === "done") return action === "ReceiveMessage" && messages > 0 ? "received" : null;
  switch (action) {
    case "ReceiveMessage":
      return "parked";
    case "DeleteMessageBatch":
      return "deleting";
    case "ChangeMessageVisibilityBatch":
      return "extending";
    default:
      return null;
  }
}

/** Statements that write rows of the login table, whichever way they do it. */
const loads = /\b(?:INSERT INTO|COPY)\s[^;]*\buser_logins\b/i;
const rekeys = /\bUPDATE (?:ONLY )?\S*\buser_logins\b/i;
const links = /\bINSERT INTO \S*\bvault_link\b/i;
/** Not the question whether it may, with which an erasure begins. */
const erases = /\bDELETE FROM \S*\bvault_link\b(?! WHERE false)/i;

/** Tells the moments of one connection apart: a COMMIT is one of a load, or of an erasure, only after it. */
export class StatementMoments {
  readonly #writing = new Set<number>();

  momentOf({ kind, text }: Moment, connection: number): MomentName | null {
    switch (kind) {
      case "statement":
        if (rekeys.test(text)) return "rekeying";
        if (links.test(text)) return "linking";
        if (!loads.test(text) && !erases.test(text)) return null;
        this.#writing.add(connection);
        return erases.test(text) ? "erasing" : "masked";
      case "before_commit":
        return this.#writing.has(connection) ? "committing" : null;
      case "after_commit":
        return this.#writing.delete(connection) ? "committed" : null;
    }
  }
}
