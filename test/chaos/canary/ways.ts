import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { gzipSync } from "node:zlib";

import { commands } from "../../../src/cli/commands.ts";
import { countRows } from "../../harness/login-table.ts";
import type { Finished, Workspace } from "../../harness/workspace.ts";
import { deadLettersOf, type Ground } from "../ground.ts";
import type { Bench } from "../scenario.ts";
import type { Planted, Plants } from "./plants.ts";
import type { WatchedCommands } from "./watched-commands.ts";
import { goBack } from "./way-back.ts";

/** Every way a message can take, and every command that shows something of it. A way that is not taken as it should be fails the bench. */
export class Ways {
  readonly #bench: Bench;
  readonly #ground: Ground;
  readonly #place: Workspace;
  readonly #watched: WatchedCommands;
  readonly #plants: Plants;

  constructor(
    bench: Bench,
    parts: { readonly ground: Ground; readonly place: Workspace; readonly watched: WatchedCommands; readonly plants: Plants },
  ) {
    this.#bench = bench;
    this.#ground = parts.ground;
    this.#place = parts.place;
    this.#watched = parts.watched;
    this.#plants = parts.plants;
  }

  async goAll(): Promise<void> {
    await this.#rowsAndRefusals();
    await this.#misfit();
    await this.#outage();
    await this.#budget();
    await this.#expect("what the budget has left", this.#drain());
    await this.#previews();
    await this.#deadLetters();
    await this.#files();
    await this.#expect("what is left", this.#drain());
    await this.#looks();
    await goBack({ bench: this.#bench, ground: this.#ground, place: this.#place, watched: this.#watched, plants: this.#plants });
    await this.#rotation();
  }

  async #rowsAndRefusals(): Promise<void> {
    const plants = this.#plants;
    this.#send([...plants.fitting(this.#bench.size(40, 500)), ...plants.refusedByContract(), ...plants.refusedByTable()]);
    await this.#expect("a run", this.#drain());
    this.#ground.queues.faults.duplicates = 0.5;
    const refused = plants.refusedByContract();
    this.#send([...plants.fitting(20), ...refused, ...plants.refusedByTable()]);
    await this.#expect("a run with --json", this.#drain("--json"));
    this.#ground.queues.faults.duplicates = 0;
    const quarantined = await countRows(this.#place.database, "maskline.quarantine");
    if (quarantined < 2 * refused.length + 6) this.#bench.fail(`only ${quarantined} were quarantined`);
    this.#send([...plants.fitting(5), ...plants.refusedByTable()]);
    await this.#expect("conflicts skipped", this.#drain("--set", "sink.postgres.on_conflict=skip"));
    await this.#expect("a ring that is not there", this.#drain("--set", "keyring=file:./other.json"), null);
  }

  /** The column that tokens go to is renamed under a running process: it stops, and says why. */
  async #misfit(): Promise<void> {
    const { command, ended } = this.#watched.start(["run"]);
    await this.#untilReceiving();
    await this.#place.database.query("hiding a column", "ALTER TABLE fuzzed RENAME COLUMN ip TO ip_away");
    this.#send([...this.#plants.fitting(5), ...this.#plants.refusedByContract()]);
    await this.#expect("a table that has changed", ended, null);
    await this.#place.database.query("showing it again", "ALTER TABLE fuzzed RENAME COLUMN ip_away TO ip");
    command.kill("SIGKILL");
  }

  async #outage(): Promise<void> {
    const { command, ended } = this.#watched.start(["run"]);
    await this.#untilReceiving();
    await this.#ground.postgres.shutDown();
    this.#send([...this.#plants.fitting(5), ...this.#plants.refusedByContract(), ...this.#plants.refusedByTable()]);
    await pause(2_000);
    await this.#ground.postgres.start();
    const deadline = performance.now() + 60_000;
    while (this.#left > 0 && performance.now() < deadline) await pause(20);
    command.kill("SIGTERM");
    await this.#expect("an outage", ended);
    if (this.#left > 0) this.#bench.fail(`${this.#left} messages are left after an outage`);
  }

  async #budget(): Promise<void> {
    if (!this.#has("resume")) return;
    const spent = ["--set", "limits.refused=3"];
    this.#send(this.#plants.refusedByContract());
    await this.#expect("a failure budget that is spent", this.#drain(...spent), 6);
    await this.#expect("a run that is barred by it", this.#drain(...spent), 6);
    await this.#expect("resume", this.#watched.run("resume", "--reason", "the bench has looked"));
  }

  async #previews(): Promise<void> {
    if (!this.#has("preview")) return;
    this.#send([...this.#plants.fitting(20), ...this.#plants.refusedByContract().slice(0, 5), ...this.#plants.refusedByTable()]);
    for (const line of ["preview -n 10", "preview -n 10 --json"]) {
      const { stdout } = await this.#expect(line, this.#watched.run(...line.split(" ")));
      if (!stdout.includes("plain-user")) this.#bench.fail(`${line} shows no rows`);
    }
  }

  async #deadLetters(): Promise<void> {
    if (!this.#has("dlq drain")) return;
    const bodies = [...this.#plants.fitting(3), ...this.#plants.refusedByContract(), ...this.#plants.refusedByTable()].map(
      ({ body }) => body,
    );
    this.#ground.queues.send(deadLettersOf(this.#place.queueUrl), bodies);
    await this.#expect("dlq drain --dry-run", this.#watched.run("dlq", "drain", "--dry-run"));
    await this.#expect("dlq redrive --dry-run", this.#watched.run("dlq", "redrive", "--dry-run"));
    await this.#expect("dlq drain", this.#watched.run("dlq", "drain", "--idle", "1s"));
    const left = this.#ground.queues.messages(deadLettersOf(this.#place.queueUrl)).length;
    if (left > 0) this.#bench.fail(`${left} dead letters are left`);
  }

  /** As lines of files, packed and not; the files lie where nothing is searched. */
  async #files(): Promise<void> {
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-planted-"));
    try {
      // each file has its own: of equal ones, loaded side by side, all rows that are left can clash alike, which stops a run
      const linesOf = (plants: readonly Planted[]): string => plants.map(({ body }) => body.replaceAll(/[\r\n]/g, " ")).join("\n");
      const planted = (): readonly Planted[] => [
        ...this.#plants.fitting(20),
        ...this.#plants.refusedByContract(),
        ...this.#plants.refusedByTable(),
      ];
      const lines = linesOf(planted());
      const plain = path.join(folder, "plain.ndjson");
      const packed = path.join(folder, "packed.ndjson.gz");
      await writeFile(plain, lines);
      await writeFile(packed, gzipSync(`\n${linesOf(planted())}`));
      const load = ["backfill", plain, packed, "--sent-at", "2024-01-31"];
      await this.#expect("a rehearsed backfill", this.#watched.run(...load, "--dry-run"));
      await this.#expect("a backfill", this.#watched.run(...load, "--processes", "2"));
      await this.#expect("a backfill that is done", this.#watched.run(...load, "--json"));
      await writeFile(plain, `${lines}\n${lines}`);
      await this.#expect("a file that has grown", this.#watched.run(...load), 3);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Everything that shows what became of messages. */
  async #looks(): Promise<void> {
    for (const line of [
      "check --connect",
      "check --connect --json",
      "ledger",
      "ledger --json",
      "audit list --json",
      "audit export",
      "audit verify --json",
      "quarantine list",
      "duplicates",
      "duplicates --print-view",
      "duplicates --csv",
      "risk",
      "risk --json --show --limit 1000",
      "keys list",
    ])
      await this.#expect(line, this.#watched.run(...line.split(" ")));
    const { stdout } = await this.#expect("quarantine list --json", this.#watched.run("quarantine", "list", "--json"));
    const { groups } = JSON.parse(stdout) as { readonly groups: readonly { readonly exampleId: string }[] };
    const examples = groups.slice(0, this.#bench.size(4, 40));
    for (const { exampleId } of examples) {
      await this.#expect("quarantine show", this.#watched.run("quarantine", "show", exampleId));
      await this.#expect("quarantine show --json", this.#watched.run("quarantine", "show", exampleId, "--json"));
    }
    // lines of files have no receipts to look up, and ids with a colon
    const ofQueue = groups.find(({ exampleId }) => !exampleId.includes(":"));
    await this.#expect("ledger of a message", this.#watched.run("ledger", "--message", ofQueue?.exampleId ?? ""));
  }

  /** Tokens are made anew from what they hold. Masks whose tokens do not say their key have to name it first. */
  async #rotation(): Promise<void> {
    const { stdout } = await this.#expect("keys list --json", this.#watched.run("keys", "list", "--json"));
    const { roots } = JSON.parse(stdout) as { readonly roots: readonly { readonly id: number }[] };
    const text = await readFile(this.#place.file, "utf8");
    await writeFile(
      this.#place.file,
      text.replaceAll(/kind: (hmac|cmac|vault|ipcrypt|ipcrypt-pfx|ff1),/g, `kind: $1, key: ${roots[0]?.id},`),
    );
    await this.#expect("keys rotate", this.#watched.run("keys", "rotate"));
    await this.#expect("keys rekey", this.#watched.run("keys", "rekey"));
  }

  get #left(): number {
    return this.#ground.queues.messages(this.#place.queueUrl).length;
  }

  #send(planted: readonly Planted[]): void {
    this.#ground.queues.send(
      this.#place.queueUrl,
      planted.map(({ body }) => body),
    );
  }

  #drain(...args: readonly string[]): Promise<Finished> {
    return this.#watched.run("run", "--drain", "--idle", "1s", ...args);
  }

  async #untilReceiving(): Promise<void> {
    const { calls } = this.#ground.queues.counters;
    const receives = (): number => calls["ReceiveMessage"] ?? 0;
    const before = receives();
    const deadline = performance.now() + 30_000;
    while (receives() === before && performance.now() < deadline) await pause(5);
  }

  /** @param code null for any failure */
  async #expect(what: string, run: Promise<Finished>, code: number | null = 0): Promise<Finished> {
    const finished = await run;
    const fits = code === null ? finished.code !== 0 : finished.code === code;
    if (!fits) this.#bench.fail(`${what} ended with ${finished.signal ?? finished.code}: ${finished.stderr.slice(-300)}`);
    return finished;
  }

  #has(name: string): boolean {
    const there = commands.some((command) => command.name === name);
    if (!there) this.#bench.skip(name, "there is no such command");
    return there;
  }
}
