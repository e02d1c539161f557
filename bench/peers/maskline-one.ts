// Peer `maskline-one`: maskline itself with one receive and one delete at a time, as serial consumers have it. Everything else is on and at
// its default: what the figure beside it shows is what parallel calls are worth under latency.
import { productSettings, runProduct } from "./product.ts";
import { readTask, untilTerminated } from "./task.ts";

await runProduct(productSettings(readTask(), ["source.sqs.parallel_calls=1"]), untilTerminated());
