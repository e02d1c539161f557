import { systemClock } from "../../app/system-clock.ts";
import type { AuditLine } from "../../demo/bring-back.ts";
import {
  type DemoFindings,
  type DemoServers,
  drainSample,
  findings,
  type LoginRow,
  sendSample,
  startDemoServers,
} from "../../demo/demo.ts";
import { MasklineError } from "../../errors.ts";
import type { RunTotals } from "../../pipeline/engine.ts";
import { accountColumns, groupColumns, sharedColumns } from "../columns.ts";
import type { Call, Command } from "../command.ts";
import { fittedTable } from "../fitted-table.ts";
import type { Output } from "../output.ts";
import { RunProgress } from "../progress.ts";
import { count, formatTable, type TableColumn } from "../table.ts";

export const demo: Command = {
  stopsInOrder: true,
  flags: {
    count: { value: "N", doc: "how many login events (default 5000)" },
    seed: { value: "N", doc: "another seed, other events (default 1)" },
    keep: { doc: "leave the servers running and print their addresses; Ctrl-C ends them" },
  },
  about: `Starts an SQS server and a PostgreSQL on loopback, sends generated login events (shared devices, redeliveries and bad messages
among them), drains the queue and shows what came of it. Needs no Docker, no AWS account, nothing set up. Ends by itself and leaves
nothing behind.`,
  examples: [
    ["maskline demo", "about five seconds"],
    ["maskline demo --count 50000 --keep", "more events, and servers to look at"],
    ["maskline demo --json", "one JSON object, for a program"],
  ],
  async run(call) {
    const { output } = call;
    const sample = { count: call.number("count", 1) ?? 5_000, seed: call.number("seed") ?? 1 };
    output.say(output.style("bold", "maskline demo: SQS -> check -> mask -> Postgres, on this machine"));
    const servers = await startServers(call);
    try {
      const sent = await sendSample(servers, sample, call.stop, (messages) =>
        output.progress(`sent ${count(messages)} of ${count(sample.count)}`),
      );
      output.say(
        `  sent ${count(sent.sent)} login events (seed ${sample.seed}): ${count(sent.bad)} bad ones, ${count(sent.redelivered.size)} to be delivered twice`,
      );
      const startedAtMs = performance.now();
      const progress = new RunProgress(output, sent.sent + sent.redelivered.size);
      const totals = await drainSample(servers, sent, (event) => progress.report(event), call.stop);
      const seconds = (performance.now() - startedAtMs) / 1_000;
      output.say(
        `  drained in ${count(seconds)} s (${count(Math.round(totals.received / seconds))} messages/s, receipts, quarantine and ledger included)`,
      );
      const found = await findings(servers);
      if (output.json) output.document(jsonResult(totals, seconds, sample, found, call.has("keep") ? servers : null));
      else show(output, totals, found);
      if (call.has("keep")) await keep(call, servers, found);
      else if (!output.json)
        output.say(
          "next: maskline demo --keep   to look around yourself;   maskline init   to point it at your own queue and database",
        );
    } finally {
      await servers.stop();
    }
  },
};

async function startServers({ output, stop }: Call): Promise<DemoServers> {
  const startedAtMs = performance.now();
  const servers = await startDemoServers();
  if (stop.aborted) {
    await servers.stop();
    throw new MasklineError("interrupted", "stopped while the servers were starting");
  }
  const seconds = count((performance.now() - startedAtMs) / 1_000);
  output.say(`  started PostgreSQL ${servers.postgres.version} and an SQS server in ${seconds} s, on loopback only`);
  return servers;
}

const auditColumns: readonly TableColumn<AuditLine>[] = [
  { title: "audit", value: ({ sequence }) => sequence },
  { title: "step", value: ({ step }) => step },
  { title: "who", value: ({ actor }) => actor },
  { title: "does", value: ({ action }) => action },
  { title: "values", value: ({ amount }) => amount },
  { title: "why", value: ({ reason, ticket }) => `${reason} (${ticket})` },
  { title: "hash", value: ({ hash }) => hash, width: 15, whole: true },
];

function show(output: Output, totals: RunTotals, { rows, shared, quarantine, account, broughtBack }: DemoFindings): void {
  const heading = (text: string): void => {
    output.data();
    output.data(output.style("bold", text, "data"));
  };
  const table = (lines: readonly string[]): void => lines.forEach((line) => output.data(`  ${line}`));
  const fitted = <Row>(columns: readonly TableColumn<Row>[], of: readonly Row[]): void =>
    table(fittedTable(columns, of, output.dataWidth === null ? null : output.dataWidth - 2));

  heading("user_logins, the first rows (address and device are masked under a key):");
  table(
    formatTable(
      Object.keys(rows[0] ?? {}).map((title) => ({
        title,
        value: (row: LoginRow) => row[title] ?? null,
        width: 19, // seven columns in 110 characters
      })),
      rows,
    ),
  );
  for (const { column, values } of shared) {
    heading(`duplicates: one ${column}, several users (equal values have equal tokens):`);
    table(formatTable(sharedColumns, values));
  }
  heading(`quarantine: ${count(totals.quarantined)} messages that do not fit the contract, bodies sealed:`);
  fitted(groupColumns.slice(0, 4), quarantine);
  heading("ledger: received = loaded + duplicate + quarantined + returned");
  table(formatTable(accountColumns, account));
  if (broughtBack !== null) {
    const { column, token, value, audit } = broughtBack;
    heading("reveal: one value brought back, with a right, a reason and a ticket; the audit says so before and after:");
    table([`${column}  ${token}  ->  ${value}`]);
    fitted(auditColumns, audit);
  }
  output.data();
}

async function keep(
  { output, stop, program }: Call,
  { postgres, queueUrl, settings }: DemoServers,
  { rows }: DemoFindings,
): Promise<void> {
  output.say(output.style("bold", "the servers keep running; look around from another terminal:"));
  for (const line of [
    `psql '${postgres.url}' -c 'SELECT * FROM user_logins LIMIT 5'`,
    `${program} quarantine list --config ${settings.file}`,
    `${program} duplicates --config ${settings.file}`,
    `${program} reveal --column masked_ip --where user_id=${rows[0]?.["user_id"] ?? ""} --reason 'trying it out' --ticket DEMO-2 --config ${settings.file}`,
    `${program} sample --count 100 --send --config ${settings.file}`,
    `${program} run --drain --idle 5s --config ${settings.file}`,
  ]) {
    output.say(`  ${line}`);
  }
  output.say(`queue: ${queueUrl}`);
  output.say("Ctrl-C ends them");
  // the servers alone do not keep this process alive; a timer does
  while (!stop.aborted) await systemClock.sleep(60_000, stop);
}

function jsonResult(
  totals: RunTotals,
  seconds: number,
  sample: { readonly count: number; readonly seed: number },
  { shared, quarantine, account, broughtBack }: DemoFindings,
  kept: DemoServers | null,
): object {
  return {
    ...totals,
    seconds: Number(seconds.toFixed(3)),
    seed: sample.seed,
    sent: sample.count,
    difference: account[0]?.difference ?? null,
    quarantine: quarantine.map(({ reason, path, messages }) => ({ reason, path, messages })),
    shared: shared.map(({ column, values }) => ({ column, mostUsers: values[0]?.users ?? 0 })),
    audited: broughtBack?.audit.length ?? 0,
    ...(kept === null ? {} : { database: kept.postgres.url, queue: kept.queueUrl, config: kept.settings.file }),
  };
}
