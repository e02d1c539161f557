import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Finished, Workspace } from "../../harness/workspace.ts";
import { otherwise } from "../../postgres/databases.ts";
import type { Ground } from "../ground.ts";
import type { Bench } from "../scenario.ts";
import type { Plants } from "./plants.ts";
import type { WatchedCommands } from "./watched-commands.ts";

const why = ["--reason", "what the bench has planted", "--ticket", "CHAOS-8"];
const officer = "officer.yaml";

interface Parts {
  readonly bench: Bench;
  readonly ground: Ground;
  readonly place: Workspace;
  readonly watched: WatchedCommands;
  readonly plants: Plants;
}

/** Every command of the way back but `reveal`, whose answer is what is sought. The database's owner asks, and somebody else approves. */
export async function goBack(parts: Parts): Promise<void> {
  const { bench, place, watched } = parts;
  const run = async (code: number, args: readonly string[], input: string | null = null): Promise<Finished> => {
    const finished = await watched.start(args, input).ended;
    if (finished.code !== code) bench.fail(`${args.join(" ")} ended with ${finished.code}: ${finished.stderr.slice(-300)}`);
    return finished;
  };
  const owner = new URL(place.databaseUrl).username;
  await run(0, ["migrate", "--grants"]);
  await run(0, ["migrate", "--grants", "--apply"]);
  await hireOfficer(place);
  for (const action of ["erase", "replay", "reveal-partial", "verify"])
    await run(0, [
      "policy",
      "allow",
      owner,
      action,
      "--domain",
      "*",
      ...(action === "erase" ? ["--approve-above", "2"] : []),
      ...why,
    ]);
  await run(0, ["policy", "allow", "officer", "approve", "--domain", "*", ...why, "--json"]);
  await run(0, ["policy", "list"]);
  await run(0, ["policy", "list", "--json"]);
  await mendTable(parts, run);
  await run(0, ["verify", "--column", "vaulted", ...why], parts.plants.text("verified"));
  await eraseSomebody(bench, run);
  await run(0, ["policy", "deny", owner, "erase", "--domain", "*", ...why]);
  for (const look of ["list", "list --json", "export", "verify", "verify --json"]) await run(0, ["audit", ...look.split(" ")]);
}

type Run = (code: number, args: readonly string[], input?: string | null) => Promise<Finished>;

/** Another person, with a configuration of their own. */
async function hireOfficer({ database, databaseUrl, file, folder }: Workspace): Promise<void> {
  await database.query("hiring", "CREATE ROLE officer LOGIN PASSWORD 'officer' IN ROLE maskline_privacy_officer");
  const text = (await readFile(file, "utf8")).replace(
    databaseUrl,
    otherwise(databaseUrl, { user: "officer", password: "officer" }),
  );
  await writeFile(path.join(folder, officer), text, { mode: 0o600 });
}

/** Refused for what is not personal, shown, and replayed once the table takes it; of the rest some are thrown away. */
async function mendTable({ bench, ground, place, watched, plants }: Parts, run: Run): Promise<void> {
  const refused = JSON.stringify({ ...plants.event(), device_type: "toaster" });
  // beside others: rows that are all refused alike stop a run
  const [id = ""] = ground.queues.send(place.queueUrl, [refused, ...plants.fitting(5).map(({ body }) => body)]);
  await run(0, ["run", "--drain", "--idle", "1s"]);
  const shown = await run(0, ["quarantine", "show", id, "--masked", ...why]);
  if (!/^ip +[\w-]{50}$/m.test(shown.stdout)) bench.fail("a masked rendering shows no token");
  await run(0, ["quarantine", "show", id, "--masked", ...why, "--json"]);
  await place.database.query("mending", "ALTER TABLE fuzzed DROP CONSTRAINT fuzzed_device_type_check");
  await run(0, ["quarantine", "replay", id, "--dry-run", ...why]);
  const { stdout } = await run(0, ["quarantine", "replay", id, ...why, "--json"]);
  if ((JSON.parse(stdout) as { loaded?: number }).loaded !== 1) bench.fail("a message was not replayed");
  await watched.run("quarantine", "replay", "--all", ...why);
  await run(0, ["quarantine", "discard", "--reason-code", "not_json", "--dry-run", ...why]);
  await run(0, ["quarantine", "discard", "--reason-code", "not_json", ...why]);
}

/** Asked for, approved by somebody else, and done. */
async function eraseSomebody(bench: Bench, run: Run): Promise<void> {
  const subject = "plain-user\n";
  const erase = ["erase", "--subject", "user_id", ...why];
  // two looks are what may be had alone
  await run(0, [...erase, "--dry-run"], subject);
  await run(0, [...erase, "--dry-run", "--json"], subject);
  const asked = await run(7, erase, subject);
  const approval = /maskline approve ([\da-f-]{36})/.exec(asked.stderr)?.[1] ?? "";
  await run(7, ["approve", approval, "--yes"]);
  await run(0, ["approve", approval, "--yes", "--config", officer]);
  const { stdout } = await run(0, [...erase, "--approval", approval], subject);
  const { certificate } = JSON.parse(stdout) as { readonly certificate: { readonly removed: { readonly originals: number } } };
  if (certificate.removed.originals === 0) bench.fail("an erasure removed nothing");
}
