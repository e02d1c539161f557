import { isDeepStrictEqual } from "node:util";

import { plainValues } from "../oracle.ts";
import type { Bench } from "../scenario.ts";
import { onStage, type Stage } from "../stage.ts";
import { TokenOpener } from "../token-opener.ts";
import { deliverVerdict } from "../verdict.ts";

/**
 * A rotation whose `keys rekey` is killed again and again in the middle of its work, and then run to its end: every token opens, all are under
 * the new key, and equal values are found equal.
 */
export async function killRekeys(bench: Bench): Promise<void> {
  await onStage(bench, { maxReceiveCount: 1_000, visibilitySeconds: 30 }, (stage) => killRekeysOn(bench, stage));
}

async function killRekeysOn(bench: Bench, stage: Stage): Promise<void> {
  const kills = bench.size(5, 50);
  const seat = await stage.seat("rekeyed");
  stage.send(kills * 500);
  seat.start();
  await stage.untilDrained(120);
  await stage.stop(seat);
  await stage.succeeds("keys", "rotate");
  for (let killed = 0; killed < kills; killed += 1) {
    seat.startCommand(["keys", "rekey", "--batch", "100"]);
    let held = await seat.hold("rekeying");
    for (let further = bench.random.below(3); further > 0 && held !== null; further -= 1) {
      held.letGo();
      held = await seat.hold("rekeying");
    }
    if (held === null) return bench.fail("keys rekey came to its end before it could be killed");
    await seat.kill();
    held.letGo("cut");
    bench.figures.add("kills");
  }
  await stage.succeeds("keys", "rekey");
  await deliverVerdict(bench, stage, { deadLetters: "told" });
  await checkKeys(bench, stage);
  await checkDuplicates(bench, stage);
}

async function checkKeys(bench: Bench, stage: Stage): Promise<void> {
  const rows = await stage.admin.query<{ ip: string; device: string }>(
    "SELECT masked_ip AS ip, masked_device_id AS device FROM public.user_logins",
  );
  const keys = new Set(rows.flatMap(({ ip, device }) => [TokenOpener.keyId(ip), TokenOpener.keyId(device)]));
  if (keys.size !== 1) bench.fail(`after a rekey that ended in order there are tokens of ${keys.size} keys`);
}

interface Duplicates {
  readonly columns: readonly { readonly column: string; readonly values: readonly { readonly users: number }[] }[];
}

/** The shared values that the product finds are those that were sent: as many, with as many users each. */
async function checkDuplicates(bench: Bench, stage: Stage): Promise<void> {
  const { columns } = JSON.parse(await stage.succeeds("duplicates", "--json", "--limit", "1000000")) as Duplicates;
  const good = stage.sent.filter(({ fate }) => fate === "row").map(({ body }) => plainValues(body));
  const sent: Readonly<Record<string, readonly string[]>> = {
    masked_ip: good.map(({ ip }) => ip),
    masked_device_id: good.map(({ deviceId }) => deviceId),
  };
  for (const [column, values] of Object.entries(sent)) {
    const found = columns.find((one) => one.column === column)?.values.map(({ users }) => users) ?? [];
    const wanted = [...Map.groupBy(values, (value) => value).values()].flatMap(({ length }) => (length > 1 ? [length] : []));
    const byCount = (left: number, right: number): number => right - left;
    if (wanted.length === 0) bench.fail(`no value of ${column} was sent twice`);
    if (!isDeepStrictEqual(found.toSorted(byCount), wanted.toSorted(byCount))) {
      bench.fail(`${column}: ${found.length} shared values were found, ${wanted.length} were sent`);
    }
  }
}
