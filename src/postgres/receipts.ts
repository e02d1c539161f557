import { quoteName } from "./names.ts";

/**
 * What makes a message the same as one before. `sent`: its sent time and its id, so that receipts are inserted in order and pruned by
 * range: less than half the work. `id`: its id alone, where the same message can have several sent times: FIFO queues, identities that
 * the producer gives.
 */
export type ReceiptKey = "sent" | "id";

/**
 * Writes the receipts of messages that have none yet, and answers with those. In the order of their key: two loads that share messages
 * would otherwise deadlock. `$1` is the pipeline.
 * @param arriving a query for sent_at, id and outcome, each id once
 */
export function receiptInsert(schema: string, key: ReceiptKey, arriving: string): string {
  const own = quoteName(schema);
  const [table, columns, order] =
    key === "sent"
      ? [`${own}.receipt`, "sent_at, id", 'sent_at, id COLLATE "C"']
      : [`${own}.identity_receipt`, "id", 'id COLLATE "C"'];
  return `INSERT INTO ${table} (pipeline, ${columns}, outcome)
  SELECT $1::smallint, ${columns}, outcome FROM (
    ${arriving}) AS arriving
  ORDER BY ${order}
  ON CONFLICT DO NOTHING RETURNING id, outcome`;
}

/**
 * Answers with the ids of those messages that have a receipt. One look-up by the key a message, whatever the planner thinks of a table
 * that has not been analysed yet: it would join by reading all. `$1` is the pipeline.
 * @param messages a relation `message` of sent_at and id, to stand in FROM
 */
export function receiptSearch(schema: string, key: ReceiptKey, messages: string): string {
  const own = quoteName(schema);
  const [table, more] =
    key === "sent" ? [`${own}.receipt`, " AND receipt.sent_at = message.sent_at"] : [`${own}.identity_receipt`, ""];
  return `SELECT id FROM ${messages} WHERE (
  SELECT outcome FROM ${table} AS receipt
  WHERE receipt.pipeline = $1::smallint AND receipt.id = message.id${more}) IS NOT NULL`;
}
