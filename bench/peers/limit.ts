// Peer `limit`: receive 10, delete 10, over maskline's own transport, and nothing else: no check, no mask, no database. What any consumer
// on this transport costs at least. Leaves out everything.
import { openQueue } from "../../src/app/assemble-source.ts";
import type { Grip } from "../../src/sources/sqs/queue.ts";
import { productSettings } from "./product.ts";
import { readTask, sideBySide, untilTerminated } from "./task.ts";

const task = readTask();
const ended = untilTerminated();
const queue = openQueue(productSettings(task));
try {
  await sideBySide(task.pollers, async () => {
    while (!ended.aborted) {
      const messages = await queue.receive({ limit: 10, waitSeconds: 20, withAttributes: false }, ended);
      if (messages.length === 0) continue;
      const grips = messages.map(({ ReceiptHandle: handle = "" }): Grip => ({ handle }));
      const failed = await queue.deleteBatch(grips);
      if (failed.length > 0) throw new Error(`${failed.length} messages were not deleted`);
    }
  });
} catch (error) {
  if (!ended.aborted) throw error;
} finally {
  queue.close();
}
