import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import { starterTable } from "../../src/app/starter.ts";
import { startCleanupGuard } from "../../src/demo/cleanup-guard.ts";
import { sampleEvents } from "../../src/demo/sample.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { createKeyRing } from "../../src/keys/ring.ts";
import { type Finished, type RunningCommand, startMaskline } from "../harness/workspace.ts";
import { Admin } from "./admin.ts";
import type { Sent } from "./oracle.ts";
import { type ChaosQueueServer, startChaosQueueServer } from "./queue-server.ts";
import { type RestartingPostgres, startRestartingPostgres } from "./restarting-postgres.ts";
import type { Bench } from "./scenario.ts";
import { Seat, type SeatOptions } from "./seat.ts";

export interface StageOptions {
  readonly maxReceiveCount: number;
  readonly visibilitySeconds: number;
  /** Further lines of maskline.yaml. */
  readonly settings?: string;
  /** Further columns of the contract; the table has them by the time a worker starts. */
  readonly columns?: string;
  /** Lines of postgresql.conf. */
  readonly postgres?: Readonly<Record<string, string>>;
  /** The account the workers use; the superuser when left out. */
  readonly role?: string;
}

export interface StopOptions {
  readonly withinSeconds?: number;
  /** What the worker is doing, for people. */
  readonly where?: string;
  /** Whether its account can be closed: not while the database is away. */
  readonly closes?: boolean;
}

/**
 * What poison there is comes from the bench, on purpose: no failure budget. An idle poll is short, so that a drain and a stop do not hide behind
 * one another.
 */
const configuration = ({ settings = "", columns = "" }: StageOptions): string => `source:
  sqs: { queue: "\${QUEUE_URL}", region: us-east-1, wait_seconds: 5 }
keyring: file:./keyring.json
sink:
  postgres: { url: "\${DATABASE_URL}", table: public.user_logins }
columns:
  user_id:          { type: text, max: 128, required: true }
  device_type:      { type: text, max: 32, required: true }
  masked_ip:        { from: ip,        type: ip,            mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  locale:           { type: text, max: 32 }
  app_version:      { type: version, as: major, required: true }
  create_date:      { from: $sent_at, type: date }
${columns}limits: { refused: null, share: null }
${settings}`;

const queueName = "login-queue";
const deadLetterName = "login-queue-dead";

/** Does some work on a stage of its own, which ends with the work. */
export async function onStage<T>(bench: Bench, options: StageOptions, work: (stage: Stage) => Promise<T>): Promise<T> {
  const ends: (() => Promise<unknown>)[] = [];
  try {
    return await work(await Stage.open(bench, options, (end) => void ends.push(end)));
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

/** A queue with its dead-letter queue, a database with an empty user_logins, and seats for workers. */
export class Stage {
  readonly queues: ChaosQueueServer;
  readonly postgres: RestartingPostgres;
  readonly admin: Admin;
  readonly folder: string;
  readonly sent: Sent[] = [];
  /** Runs that were stopped and ended with 0, by their id. */
  readonly cleanRuns: string[] = [];
  /** What the workers connect with, past their proxies. */
  readonly databaseUrl: string;
  readonly #bench: Bench;
  readonly #seats = new Map<string, Seat>();
  readonly #events: ReturnType<typeof sampleEvents>;

  /** @param defer takes what is to be done at the end, the last first */
  static async open(bench: Bench, options: StageOptions, defer: (end: () => Promise<unknown>) => void): Promise<Stage> {
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-chaos-"));
    const guard = startCleanupGuard([folder]);
    defer(() => guard.release());
    defer(() => rm(folder, { recursive: true, force: true }));
    const queues = await startChaosQueueServer({ seed: bench.random.word() });
    defer(() => queues.stop());
    const postgres = await startRestartingPostgres({ settings: { ...options.postgres } });
    defer(() => postgres.stop());
    const admin = new Admin(postgres.url);
    defer(() => admin.close());
    queues.createQueue(deadLetterName);
    queues.createQueue(queueName, {
      VisibilityTimeout: String(options.visibilitySeconds),
      RedrivePolicy: JSON.stringify({
        deadLetterTargetArn: `arn:aws:sqs:us-east-1:000000000000:${deadLetterName}`,
        maxReceiveCount: options.maxReceiveCount,
      }),
    });
    await createKeyRingFile(path.join(folder, "keyring.json"), createKeyRing(randomBytes));
    await writeFile(path.join(folder, "maskline.yaml"), configuration(options), { mode: 0o600 });
    await admin.query(starterTable);
    const databaseUrl = options.role === undefined ? postgres.url : await makeOwner(admin, postgres.url, options.role);
    const stage = new Stage(bench, { queues, postgres, admin, folder, databaseUrl });
    defer(() => stage.#closeSeats());
    await stage.succeeds("migrate");
    return stage;
  }

  private constructor(bench: Bench, parts: Pick<Stage, "queues" | "postgres" | "admin" | "folder" | "databaseUrl">) {
    this.#bench = bench;
    this.queues = parts.queues;
    this.postgres = parts.postgres;
    this.admin = parts.admin;
    this.folder = parts.folder;
    this.databaseUrl = parts.databaseUrl;
    this.#events = sampleEvents({ count: Number.MAX_SAFE_INTEGER, seed: bench.random.word() });
    parts.queues.onCall((call) => this.#seats.get(call.client)?.onCall(call));
  }

  /** A seat of this name. */
  async seat(
    name: string,
    { queueProxy = false, program }: Partial<Pick<SeatOptions, "queueProxy" | "program">> = {},
  ): Promise<Seat> {
    const seat = await Seat.open({
      name,
      folder: this.folder,
      databaseUrl: this.databaseUrl,
      seed: this.#bench.random.word(),
      queueUrl: this.#queueUrl(await this.queues.endpointFor(name)),
      environment: this.environment,
      queueProxy,
      ...(program === undefined ? {} : { program }),
      endedByItself: (who, finished) => this.#bench.fail(`a worker (${who}) ended by itself: ${inShort(finished)}`),
    });
    this.#seats.set(name, seat);
    return seat;
  }

  /** Sends so many login events, some of them bad. */
  send(count: number): void {
    const events = Array.from({ length: count }, () => this.#events.next().value).filter((event) => event !== undefined);
    this.sendAll(events.map(({ body, kind }) => ({ body, fate: kind === "login" ? "row" : "quarantine" })));
  }

  sendAll(messages: readonly Pick<Sent, "body" | "fate">[]): void {
    const ids = this.queues.send(
      queueName,
      messages.map(({ body }) => body),
    );
    this.sent.push(...messages.map((message, place) => ({ ...message, id: ids[place] ?? "" })));
  }

  /** How many of the messages are still in the queue, visible or not. */
  get left(): number {
    return this.queues.messages(queueName).length;
  }

  get waiting(): readonly string[] {
    return this.queues.messages(queueName).map(({ id }) => id);
  }

  get deadLetters(): readonly string[] {
    return this.queues.messages(deadLetterName).map(({ id }) => id);
  }

  /** Of these: handed out, and not yet to be had by others. */
  get inFlight(): number {
    return this.queues.messages(queueName).filter(({ inFlight }) => inFlight).length;
  }

  /** Resolves when nothing is left in the queue; tells the bench when it has not become less for so long. */
  async untilDrained(patienceSeconds: number): Promise<void> {
    let least = this.left;
    let sinceMs = performance.now();
    for (let left = least; left > 0; left = this.left) {
      if (!this.manned) return this.#bench.fail(`${left} messages are left in the queue, and no worker`);
      if (left < least) [least, sinceMs] = [left, performance.now()];
      if (performance.now() - sinceMs > patienceSeconds * 1_000)
        return this.#bench.fail(`${left} messages are left in the queue, no fewer than ${patienceSeconds} s ago`);
      await pause(20);
    }
  }

  /** Whether any worker is at work. */
  get manned(): boolean {
    return [...this.#seats.values()].some(({ occupied }) => occupied);
  }

  /** Resolves when each of these workers has asked for messages. */
  async untilWorking(seats: readonly Seat[]): Promise<void> {
    const working = await Promise.all(seats.map((seat) => seat.hold("parked", 60_000)));
    for (const held of working) held?.letGo();
    if (working.includes(null)) throw new Error("a worker did not come to ask for messages");
  }

  /** How many connections the workers have to the database. */
  async connections(): Promise<number> {
    const [row] = await this.admin.query<{ count: number }>(
      "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'maskline'",
    );
    return row?.count ?? 0;
  }

  /** How often the database server has written a text to its log. */
  async logged(text: RegExp): Promise<number> {
    return [...(await readFile(this.postgres.logFile, "utf8")).matchAll(new RegExp(text, "g"))].length;
  }

  /** Resolves when it has written it more than `before` times; tells the bench when it does not: then a fault has not happened. */
  async untilLogged(text: RegExp, before: number = 0, withinSeconds: number = 10): Promise<void> {
    const deadline = performance.now() + withinSeconds * 1_000;
    while ((await this.logged(text)) <= before) {
      if (performance.now() > deadline) return this.#bench.fail(`the database server has not come to say ${text.source}`);
      await pause(50);
    }
  }

  /** Stops the process in a seat in order. Tells the bench when it does not end well, or not in time. */
  async stop(seat: Seat, { withinSeconds = 26, where = "at work", closes = true }: StopOptions = {}): Promise<void> {
    const stopped = await seat.stop();
    if (stopped === null) return;
    const { code, stdout, seconds } = stopped;
    if (code !== 0) return this.#bench.fail(`SIGTERM to ${seat.name} ${where}: ${inShort(stopped)}`);
    if (seconds > withinSeconds) {
      this.#bench.fail(`SIGTERM to ${seat.name} ${where}: it ended after ${seconds.toFixed(1)} s, not within ${withinSeconds}`);
    }
    const { run } = JSON.parse(stdout) as { readonly run: string };
    if (closes) this.cleanRuns.push(run);
  }

  /** Starts a command past the seats' proxies. */
  start(args: readonly string[], input: string | null = null): RunningCommand {
    const around = { ...this.environment, QUEUE_URL: this.#queueUrl(this.queues.endpoint), DATABASE_URL: this.databaseUrl };
    return startMaskline(this.folder, args, around, input);
  }

  maskline(...args: readonly string[]): Promise<Finished> {
    return this.start(args).finished;
  }

  /** @returns what it wrote to stdout */
  async succeeds(...args: readonly string[]): Promise<string> {
    const finished = await this.maskline(...args);
    if (finished.code !== 0) throw new Error(`maskline ${args.join(" ")}: ${inShort(finished)}`);
    return finished.stdout;
  }

  /** Without a cache of compiled code half of a worker's short life would be its start. */
  get environment(): Readonly<Record<string, string>> {
    return { NODE_COMPILE_CACHE: path.join(this.folder, "compiled") };
  }

  #queueUrl(endpoint: string): string {
    return new URL(`/000000000000/${queueName}`, endpoint).href;
  }

  async #closeSeats(): Promise<void> {
    await Promise.all([...this.#seats.values()].map((seat) => seat.close()));
  }
}

/** A role that owns the table and may make the schema. @returns the URL it connects with */
async function makeOwner(admin: Admin, superuserUrl: string, role: string): Promise<string> {
  const url = new URL(superuserUrl);
  url.username = role;
  url.password = randomBytes(18).toString("base64url");
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${url.password}'`);
  await admin.query(`GRANT CREATE ON DATABASE postgres TO ${role}`);
  await admin.query(`ALTER TABLE user_logins OWNER TO ${role}`);
  return url.href;
}

/** How a process ended, in a line. */
export function inShort({ code, signal, stderr, stdout }: Finished): string {
  const said = [...stderr.trim().split("\n").slice(-3), stdout.trim()].filter((line) => line !== "").join(" | ");
  return `${signal ?? `exit ${code}`}: ${said}`;
}
