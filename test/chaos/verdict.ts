import path from "node:path";

import { judge, type LoginRow, type Named, type Verdict } from "./oracle.ts";
import type { Bench } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { TokenOpener } from "./token-opener.ts";

export interface VerdictOptions {
  /** Where processes are killed, messages may be handed out too often through no fault of theirs: then dead letters are told, not counted. */
  readonly deadLetters: "none" | "told";
  /** Whether persons were erased: a row that has lost its token of the vault is to have lost all others too. */
  readonly erased?: boolean;
}

/** Asks the oracle what became of everything that was sent on a stage, and gives it to the bench. */
export async function deliverVerdict(
  bench: Bench,
  stage: Stage,
  { deadLetters, erased = false }: VerdictOptions,
): Promise<Verdict> {
  const verdict = await verdictOn(stage, erased);
  const { counters } = stage.queues;
  const { figures } = bench;
  figures.add("lost", verdict.lost.count);
  figures.add("doubled", verdict.doubled.count);
  figures.add("falseQuarantines", verdict.falseQuarantines.count);
  figures.add("redeliveries", counters.redeliveries + counters.duplicates);
  if (deadLetters === "none") figures.add("falseDeadLetters", verdict.falseDeadLetters.count);
  for (const [what, { count, examples }] of named(verdict)) {
    if (count > 0) bench.fail(`${what}: ${count} of ${verdict.sent} messages, such as ${examples.join(", ")}`);
  }
  bench.say(`${verdict.sent} sent, ${counters.deliveries} deliveries, ${verdict.deadLetters} dead letters`);
  await checkAccounts(bench, stage);
  return verdict;
}

/** What the figures do not count by themselves. */
function named({ waiting, wrong, strangers, falseRows, lost, doubled }: Verdict): readonly (readonly [string, Named])[] {
  return [
    ["still in the queue", waiting],
    ["lost", lost],
    ["doubled", doubled],
    ["rows that are not what was sent, or whose tokens do not open to it", wrong],
    ["rows and quarantined messages that nobody sent", strangers],
    ["bad messages that became rows", falseRows],
  ];
}

export async function verdictOn(stage: Stage, erased: boolean = false): Promise<Verdict> {
  const rows = await stage.admin.query<LoginRow>(
    `SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version::text AS app_version, create_date::text AS create_date
     FROM public.user_logins`,
  );
  // what was discarded, or erased, was there
  const quarantined = await stage.admin.query<{ id: string }>(
    "SELECT id FROM maskline.quarantine UNION ALL SELECT id FROM maskline.receipt WHERE outcome = 'discarded'",
  );
  const opener = await TokenOpener.of(path.join(stage.folder, "keyring.json"));
  const { deadLetters, waiting } = stage;
  const nulled = erased ? await usersWithoutTokens(stage) : new Set<string>();
  return judge(stage.sent, { rows, quarantined: quarantined.map(({ id }) => id), deadLetters, waiting, nulled }, opener);
}

/** Every message brings one. */
async function usersWithoutTokens({ admin }: Stage): Promise<ReadonlySet<string>> {
  const rows = await admin.query<{ user: string }>(`SELECT user_id AS "user" FROM public.user_logins WHERE masked_mail IS NULL`);
  return new Set(rows.map(({ user }) => user));
}

interface Account {
  readonly run: string;
  readonly state: string;
  readonly difference: number;
}

/** Runs that ended in order are closed at a difference of zero. */
async function checkAccounts(bench: Bench, stage: Stage): Promise<void> {
  if (stage.cleanRuns.length === 0) return bench.fail("no run ended in order: there is no account to look at");
  const { runs } = JSON.parse(await stage.succeeds("ledger", "--json", "--limit", "100000")) as {
    readonly runs: readonly Account[];
  };
  const accounts = new Map(runs.map((account) => [account.run, account]));
  for (const run of stage.cleanRuns) {
    const account = accounts.get(run);
    // a run that received nothing has written nothing
    if (account === undefined) continue;
    if (account.state !== "closed" || account.difference !== 0) {
      bench.fail(`the account of a run that ended in order is ${account.state}, difference ${account.difference}`);
    }
  }
}
