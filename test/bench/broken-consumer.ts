import { createHash } from "node:crypto";

import pg from "pg";

// A small consumer, and ways in which one can be wrong: what the benchmark must not give a figure for. Row by row, with a hash for a mask.
type Way = "right" | "loses" | "doubles" | "invents" | "unmasked" | "ends early";

interface Received {
  readonly Messages?: readonly { readonly ReceiptHandle: string; readonly Body: string }[];
}

const way = (process.argv[2] ?? "right") as Way;
const queueUrl = process.env["BENCH_QUEUE_URL"] ?? "";
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());

async function ask(action: string, input: object): Promise<unknown> {
  const response = await fetch(queueUrl, {
    method: "POST",
    headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": `AmazonSQS.${action}` },
    body: JSON.stringify({ QueueUrl: queueUrl, ...input }),
    signal: stop.signal,
  });
  return response.json();
}

const client = new pg.Client({ connectionString: process.env["BENCH_DATABASE_URL"] });
await client.connect();
let handled = 0;

async function insert(body: string): Promise<void> {
  const login = JSON.parse(body) as Readonly<Record<string, string>>;
  const mask = (value: string): string => (way === "unmasked" ? value : createHash("sha256").update(value).digest("hex"));
  const user = way === "invents" && handled === 7 ? "somebody else" : login["user_id"];
  await client.query("INSERT INTO public.user_logins VALUES ($1, $2, $3, $4, $5, $6, current_date)", [
    user,
    login["device_type"],
    mask(login["ip"] ?? ""),
    mask(login["device_id"] ?? ""),
    login["locale"],
    Number.parseInt(login["app_version"] ?? "", 10),
  ]);
}

while (!stop.signal.aborted) {
  const answer = (await ask("ReceiveMessage", { MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }).catch(() => ({}))) as Received;
  const { Messages: messages = [] } = answer;
  for (const { Body: body } of messages) {
    handled += 1;
    if (way === "loses" && handled === 7) continue;
    await insert(body);
    if (way === "doubles" && handled === 7) await insert(body);
  }
  if (way === "ends early" && handled > 40) stop.abort();
  if (messages.length === 0) continue;
  const entries = messages.map(({ ReceiptHandle }, place) => ({ Id: String(place), ReceiptHandle }));
  await ask("DeleteMessageBatch", { Entries: entries }).catch(() => {});
}
await client.end();
