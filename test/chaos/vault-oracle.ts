import { isDeepStrictEqual } from "node:util";

import { readEvent } from "./people.ts";
import type { Bench } from "./scenario.ts";
import type { Stage } from "./stage.ts";

interface Row {
  readonly user_id: string;
  readonly person: string;
  readonly masked_mail: string | null;
}

interface Revealed {
  readonly token: string;
  readonly value?: string;
  readonly failure?: string;
}

/**
 * Compares the vault with what was sent and who was erased since. Knows nothing of how subjects are hashed: there are as many as persons who
 * are left, and each has the tokens of its rows.
 * @param isErased whether this person was erased after the message at this place was sent
 */
export async function judgeVault(bench: Bench, stage: Stage, isErased: (person: string, place: number) => boolean): Promise<void> {
  const places = new Map(stage.sent.map((message, place) => [readEvent(message).user_id, place]));
  const rows = await stage.admin.query<Row>("SELECT user_id, person, masked_mail FROM public.user_logins");
  const [kept, all] = [new Map<string, Set<string>>(), new Map<string, string>()];
  for (const { user_id: user, person, masked_mail: token } of rows) {
    const place = places.get(user) ?? 0;
    const message = stage.sent[place];
    if (token !== null && message !== undefined) all.set(token, readEvent(message).mail);
    if (isErased(person, place)) continue;
    if (token === null) return bench.fail("a token is gone from a row of somebody who was not erased");
    kept.set(person, (kept.get(person) ?? new Set()).add(token));
  }
  await checkLinks(bench, stage, kept);
  await checkOpening(bench, stage, all, new Set([...kept.values()].flatMap((tokens) => [...tokens])));
}

async function checkLinks(bench: Bench, stage: Stage, kept: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
  const count = async (rows: string): Promise<number> => {
    const [row] = await stage.admin.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${rows}`);
    return row?.count ?? 0;
  };
  const linkless = await count(
    "maskline.vault WHERE NOT EXISTS (SELECT FROM maskline.vault_link AS l WHERE l.domain = vault.domain AND l.token = vault.token)",
  );
  if (linkless > 0) bench.fail(`${linkless} originals have no link`);
  const dangling = await count(
    "maskline.vault_link AS l WHERE NOT EXISTS (SELECT FROM maskline.vault WHERE l.domain = vault.domain AND l.token = vault.token)",
  );
  if (dangling > 0) bench.fail(`${dangling} links have no original`);
  const linked = await stage.admin.query<{ tokens: string[] }>(
    "SELECT array_agg(token) AS tokens FROM maskline.vault_link GROUP BY subject",
  );
  const inOrder = (sets: readonly Iterable<string>[]): readonly string[] => sets.map((set) => [...set].sort().join(" ")).sort();
  if (!isDeepStrictEqual(inOrder(linked.map(({ tokens }) => tokens)), inOrder([...kept.values()]))) {
    bench.fail(`the links of ${linked.length} subjects are not those of the ${kept.size} persons who are left`);
  }
}

/** @param all values by their tokens @param kept the tokens that must open */
async function checkOpening(
  bench: Bench,
  stage: Stage,
  all: ReadonlyMap<string, string>,
  kept: ReadonlySet<string>,
): Promise<void> {
  const why = ["--reason", "what is left", "--ticket", "CHAOS-18"];
  const { stdout, code } = await stage.start(
    ["reveal", "--column", "masked_mail", ...why, "--plain-output", "--json"],
    [...all.keys()].join("\n"),
  ).finished;
  const revealed = stdout.split("\n").flatMap((line) => (line.startsWith(`{"token"`) ? [JSON.parse(line) as Revealed] : []));
  if (revealed.length !== all.size) bench.fail(`of ${all.size} tokens ${revealed.length} were told of: exit ${code}`);
  const closed = revealed.filter(({ token, value }) => kept.has(token) && value !== all.get(token)).length;
  const open = revealed.filter(({ token, value }) => !kept.has(token) && value !== undefined).length;
  if (closed > 0) bench.fail(`${closed} values of persons who were not erased do not open any more`);
  if (open > 0) bench.fail(`${open} values of nobody but erased persons still open`);
  bench.say(`${kept.size} tokens open to what was sent, ${all.size - kept.size} to nothing`);
}
