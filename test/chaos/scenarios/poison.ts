import { loginGenerator } from "../../../src/demo/sample-login.ts";
import type { Workspace } from "../../harness/workspace.ts";
import { openGround } from "../ground.ts";
import { type Kind, odd, poisonConfiguration, poisonTable, refusedByContract, refusedByTable } from "../poison/kinds.ts";
import type { Bench, Scenario } from "../scenario.ts";

interface Sent {
  readonly userId: string;
  readonly kind: Kind;
  readonly body: string;
}

/** A tenth of the messages cannot become rows, in every way that is known. All others must, and each of these is refused once. */
export const poison: Scenario = {
  name: "poison",
  about: "a tenth of the messages is poison: the others are rows, all of them, and it is quarantined once",
  least: { bodies: [4_000, 40_000] },
  run: async (bench) => {
    const { queues, open } = await openGround(bench);
    const place = await open({ config: poisonConfiguration, table: poisonTable, visibilitySeconds: 120 });
    const sent = shuffled(bench, messages(bench, bench.size(4_000, 40_000)));
    bench.figures.add("bodies", sent.length);
    queues.send(
      place.queueUrl,
      sent.map(({ body }) => body),
    );

    const { code, stderr } = await place.maskline("run", "--drain", "--idle", "2s");
    if (code !== 0) bench.fail(`the run ended with ${code}: ${stderr}`);
    await holdAgainst(bench, place, sent);
  },
};

/** Nine good ones for each poisoned one; the table refuses few, because each costs several statements. */
function messages(bench: Bench, count: number): Sent[] {
  const login = loginGenerator(bench.random);
  const good: Kind = { name: "good", reason: null, body: JSON.stringify };
  return Array.from({ length: count }, (_, index): Sent => {
    const isPoison = index % 10 === 0;
    const turn = index / 10;
    const poisonKind =
      turn % 12 === 0 ? refusedByTable[(turn / 12) % refusedByTable.length] : refusedByContract[turn % refusedByContract.length];
    const kind = (isPoison ? poisonKind : index % 50 === 1 ? odd[((index - 1) / 50) % odd.length] : good) ?? good;
    const event = login();
    return { userId: event.user_id, kind, body: kind.body(event) };
  });
}

async function holdAgainst(bench: Bench, { database }: Workspace, sent: readonly Sent[]): Promise<void> {
  const wantedRows = sent.filter(({ kind }) => kind.reason === null);
  const rows = await database.query<{ id: string }>("reading rows", "SELECT user_id AS id FROM user_logins");
  const distinct = new Set(rows.map(({ id }) => id));
  const missing = wantedRows.filter(({ userId }) => !distinct.has(userId));
  for (const name of new Set(missing.map(({ kind }) => kind.name))) bench.fail(`not loaded: ${name}`);
  bench.figures.add("lost", missing.length);
  bench.figures.add("doubled", rows.length - distinct.size);

  const wanted = countBy(sent.flatMap(({ kind }) => kind.reason ?? []));
  const found = await database.query<{ reason: string; n: number }>(
    "reading the quarantine",
    "SELECT reason, count(*)::int AS n FROM maskline.quarantine GROUP BY reason",
  );
  const quarantined = found.reduce((sum, { n }) => sum + n, 0);
  const poisoned = sent.length - wantedRows.length;
  bench.figures.add("falseQuarantines", Math.max(0, quarantined - poisoned));
  bench.figures.add("lost", Math.max(0, poisoned - quarantined));
  for (const { reason, n } of found)
    if (wanted.get(reason) !== n) bench.fail(`${n} quarantined as ${reason}, ${wanted.get(reason) ?? 0} sent`);
  bench.say(
    `${sent.length} sent, ${poisoned} of them poison of ${new Set(sent.flatMap(({ kind }) => (kind.reason === null ? [] : kind.name))).size} kinds; ${rows.length} rows, ${quarantined} quarantined`,
  );
}

function countBy(names: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/** Fisher and Yates. */
function shuffled<Item>({ random }: Bench, items: readonly Item[]): readonly Item[] {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other] as Item, order[last] as Item];
  }
  return order;
}
