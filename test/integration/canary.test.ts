import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { starterTable } from "../../src/app/starter.ts";
import { startPostgres } from "../../src/demo/postgres-server.ts";
import { disguises, findCanaries } from "../harness/canary.ts";
import { openWorkspace, startServers, type Workspace } from "../harness/workspace.ts";

/** Personal values, each seen nowhere else. In good messages only the masked fields are personal; in refused ones everything is. */
const masked = { ip: "198.51.100.231", ip6: "2001:db8:c0de:cafe::b0b5", device: "CANARY-dev-81f2c5" };
const refused = ["canary-user-5d0e1a", "canary-text-93ab77", "canary-field-0b4c2e", "canary-version-6e1d", "203.0.113.254x"];
const canaries = [
  masked.ip,
  masked.ip6,
  "2001:0db8:c0de:cafe:0000:0000:0000:b0b5",
  masked.device,
  "canary-unknown-77c1de",
  "canary_name_4410ff",
  ...refused,
];

function login(parts: Record<string, unknown>): string {
  return JSON.stringify({
    user_id: "plain-user",
    app_version: "2.3.0",
    device_type: "ios",
    ip: masked.ip,
    locale: "FR",
    device_id: masked.device,
    ...parts,
  });
}

const bodies = [
  login({}),
  login({ ip: masked.ip6 }),
  login({ ip: masked.ip6.toUpperCase(), canary_name_4410ff: "canary-unknown-77c1de" }),
  login({ user_id: { nested: refused[0] } }),
  login({ user_id: [refused[0]], locale: { [refused[2] ?? ""]: refused[1] } }),
  login({ ip: refused[4] }),
  login({ app_version: refused[3] }),
  login({ user_id: `${refused[0]}${"x".repeat(200)}` }),
  login({ locale: `${refused[1]}\u0000` }),
  login({ device_id: null, user_id: refused[0] }),
  // the database refuses this one: a CHECK on the device type
  login({ device_type: "toaster" }),
  `not json ${refused[1]}`,
  `["${refused[0]}"]`,
  `"${refused[1]}"`,
  `{"${refused[2]}": {"${refused[2]}": "${refused[1]}"}}`,
];

test("no personal value leaves the places it may be in, in whatever form", { timeout: 300_000 }, async () => {
  // the server writes down every statement with its parameters: what it is never given, it cannot write
  const settings = { log_statement: "all", log_min_duration_statement: "0", log_error_verbosity: "verbose" };
  const servers = await startServers(() => startPostgres({ settings }));
  const place = await openWorkspace(servers, { table: `${starterTable} ;` });
  try {
    await place.database.query(
      "preparing",
      "ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN ('ios', 'android'))",
    );
    await place.send(bodies);
    const outputs = await everyOutput(place);
    outputs.set("the database server's log", await readFile(servers.postgres.logFile, "utf8"));

    const counts = JSON.parse(outputs.get("run --max-messages 15 --json")?.replace(/\nstderr:[^]*/, "") ?? "{}") as Record<
      string,
      number
    >;
    assert.deepEqual([counts["loaded"], counts["quarantined"]], [3, 12], "the messages really went through");
    assert.match(outputs.get("the database server's log") ?? "", /plain-user/, "the log really holds parameters");
    // a row that is refused is logged: it is masked, like every row the database is given
    const log = outputs.get("the database server's log") ?? "";
    assert.match(
      log,
      /DETAIL: {2}Failing row contains \(plain-user, toaster, [A-Za-z0-9_-]{20}/,
      "the log really holds a refused row",
    );
    assert.match(log, /CONTEXT: {2}COPY user_logins, line \d+$/m, "and where it stood in a COPY");
    assert.match(outputs.get("every table") ?? "", /plain-user/, "the dump really holds rows");
    assert.match(outputs.get("resume --dry-run") ?? "", /bad_format, ip/, "the pipeline really tripped");
    for (const [name, output] of outputs) assert.deepEqual(findCanaries(output, canaries), [], name);
  } finally {
    await place.close();
    await servers.stop();
  }
});

test("the search finds a value in each of its forms", () => {
  for (const { name, pattern } of disguises(masked.device)) {
    const output = Buffer.concat([Buffer.from("before "), pattern, Buffer.from(" after")]);
    assert.notDeepEqual(findCanaries(output, [masked.device]), [], name);
  }
  for (const shift of [0, 1, 2]) {
    const output = Buffer.from(`${"x".repeat(shift)}${masked.device} and more`).toString("base64");
    assert.notDeepEqual(findCanaries(output, [masked.device]), [], `inside base64, start ${shift}`);
  }
});

/** What a user, a log collector or someone with the disk would see. */
async function everyOutput(place: Workspace): Promise<Map<string, string>> {
  const outputs = new Map<string, string>();
  const command = async (...args: string[]): Promise<string> => {
    const { stdout, stderr } = await place.maskline(...args);
    outputs.set(args.join(" "), `${stdout}\nstderr:${stderr}`);
    return stdout;
  };
  const shown = await command("preview", "-n", String(bodies.length));
  assert.match(shown, /plain-user/, "the preview really shows rows");
  await command("preview", "-n", String(bodies.length), "--json");
  await command("run", "--max-messages", String(bodies.length), "--json");
  await fromFiles(place, command);
  await command("check", "--connect");
  await command("ledger");
  await command("prune");
  await command("quarantine", "list");
  await command("duplicates");
  await command("duplicates", "--print-view");
  await command("duplicates", "--csv", "--min-users", "2");
  await command("risk");
  await command("risk", "--json", "--show", "--limit", "1000");
  // the same once more, and the failure budget is spent
  await place.send(bodies);
  const tripped = ["run", "--max-messages", String(bodies.length), "--set", "limits.refused=2"];
  await command(...tripped);
  await command(...tripped, "--json");
  await command("check", "--connect", "--json");
  await command("ledger", "--json");
  for (const look of [["list"], ["list", "--json"], ["export"], ["verify"], ["verify", "--json"]]) await command("audit", ...look);
  await command("resume", "--dry-run");
  await command("resume", "--list", "--json");
  await command("resume", "--reason", "tried");
  await command("keys", "rotate");
  await command("keys", "rekey", "--dry-run");
  outputs.set("every table in the middle of a rotation", await dump(place));
  await command("keys", "rekey");
  await command("keys", "list");
  const { groups } = JSON.parse(await command("quarantine", "list", "--json")) as { groups: { exampleId: string }[] };
  for (const { exampleId } of groups) {
    await command("quarantine", "show", exampleId);
    await command("quarantine", "show", exampleId, "--json");
  }
  await wayBack(place, command);
  outputs.set("every table", await dump(place));
  for (const entry of await readdir(place.folder))
    outputs.set(`file ${entry}`, await readFile(path.join(place.folder, entry), "latin1"));
  return outputs;
}

/** Whoever may what, what somebody else has to approve, and refused messages that are mended or thrown away. */
async function wayBack({ database }: Workspace, command: (...args: string[]) => Promise<string>): Promise<void> {
  const why = ["--reason", "the canary test asks", "--ticket", "T-9"];
  await command("migrate", "--grants");
  await command("migrate", "--grants", "--apply");
  const [owner] = await database.query<{ name: string }>("asking who", "SELECT session_user::text AS name");
  const role = owner?.name ?? "";
  await command("policy", "allow", role, "replay", "--domain", "*", "--approve-above", "0", ...why);
  await command("policy", "allow", role, "replay", "--domain", "*", ...why, "--json");
  await command("policy", "allow", role, "reveal-partial", "--domain", "quarantine", ...why);
  assert.match(await command("policy", "list"), /reveal-partial/, "the list really shows the policy");
  await command("policy", "list", "--json");
  await command("approve", "3d0c6a52-4f6e-4d0c-9a55-5b1f6f3a8e11", "--yes");
  // the one that the table refuses: nothing in it is personal but what is masked
  const [refused] = await database.query<{ id: string }>(
    "looking for what the table refused",
    "SELECT id FROM maskline.quarantine WHERE reason = 'refused_by_database' ORDER BY id LIMIT 1",
  );
  const id = refused?.id ?? "";
  assert.match(await command("quarantine", "show", id, "--masked", ...why), /toaster/, "it really shows a row");
  await command("quarantine", "show", id, "--masked", ...why, "--json");
  await command("quarantine", "replay", "--all", "--dry-run", ...why);
  await database.query("mending", "ALTER TABLE user_logins DROP CONSTRAINT known_device");
  const replayed = JSON.parse(await command("quarantine", "replay", "--all", ...why, "--json")) as { readonly loaded: number };
  assert.ok(replayed.loaded > 0, "something was really replayed");
  await command("quarantine", "discard", "--all", "--dry-run", ...why);
  await command("policy", "deny", role, "replay", "--domain", "*", ...why);
  await command("quarantine", "discard", "--all", ...why);
}

/** The same as lines of a file, which lies where nothing is searched. */
async function fromFiles({ database }: Workspace, command: (...args: string[]) => Promise<string>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-canary-"));
  try {
    const file = path.join(folder, "events.ndjson");
    await writeFile(file, `${bodies.join("\n")}\n`);
    const load = ["backfill", file, "--sent-at", "2024-05-01"];
    await command(...load, "--dry-run");
    await command(...load, "--dry-run", "--json");
    const loaded = await command(...load, "--json");
    assert.equal((JSON.parse(loaded) as { quarantined: number }).quarantined, 12, "the lines really went through");
    await command(...load, "--processes", "2");
    await writeFile(file, `${bodies[0]}\n`);
    await command(...load);
    await command(...load, "--changed");
    await writeFile(`${file}.gz`, gzipSync(bodies.join("\n")).subarray(0, -9));
    await command("backfill", `${file}.gz`, "--sent-at", "ip");
    await command("backfill", file);
    assert.equal(await countFiles(database), 3);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function countFiles(database: Workspace["database"]): Promise<number> {
  const [row] = await database.query<{ files: number }>("counting", "SELECT count(*)::int AS files FROM maskline.file");
  return row?.files ?? 0;
}

async function dump({ database }: Workspace): Promise<string> {
  const tables = await database.query<{ name: string }>(
    "listing tables",
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  let text = "";
  for (const { name } of tables) {
    for (const { row } of await database.query<{ row: string }>("dumping", `SELECT to_jsonb(t)::text AS row FROM ${name} AS t`))
      text += `${row}\n`;
  }
  return text;
}
