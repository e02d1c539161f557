// Peer `sdk-default`: the AWS SDK's client as it comes (`new SQSClient({ endpoint, region })` and nothing else) before maskline's own
// check, masks and loader, with receipts, quarantine and ledger on. Only the transport differs: what it costs more is the transport's.
// Leaves out what maskline's source does beside receiving and deleting (sdk-source.ts).
import { productSettings, runProduct } from "./product.ts";
import { SdkSource } from "./sdk-source.ts";
import { readTask, untilTerminated } from "./task.ts";

const task = readTask();
const source = new SdkSource(task.queueUrl, task.pollers);
try {
  await runProduct(productSettings(task), untilTerminated(), source);
} finally {
  await source.close();
}
