import { setTimeout as pause } from "node:timers/promises";

import type { Finished } from "../../harness/workspace.ts";
import { judgeErasures, watchErasures } from "../erasure-witness.ts";
import type { MomentName } from "../moments.ts";
import { eraseCommand, onPeoplesStage, type People, readEvent } from "../people.ts";
import type { Bench, Scenario } from "../scenario.ts";
import type { Seat } from "../seat.ts";
import { inShort, type Stage } from "../stage.ts";
import { keepSending } from "../traffic.ts";
import { judgeVault } from "../vault-oracle.ts";
import { deliverVerdict } from "../verdict.ts";

/** Of a load: before the links, before the rows, before its COMMIT, and between its COMMIT and the answer. */
const ofLoads: readonly MomentName[] = ["linking", "masked", "committing", "committed"];
/** Of an erasure of several rounds: the second and the fourth kill leave a round more done. */
const ofErasures: readonly MomentName[] = ["erasing", "committed", "committing", "committed"];
/** An erasure's process takes about so long: to start, to erase, to end. */
const killWithinMs = 1_200;
const perSecond = 50;
/** Of this one there is more than two rounds of 1,000 take. */
const heavy = "heavy";
const heavyMails = 2_300;
const sharedMails = 15;
const ownMails = 30;

export const erase: Scenario = {
  name: "erase",
  about: "kill -9 of erasures and of the loads beside them; the vault holds what those who stay have, and nothing else",
  least: { kills: [9, 70], killsHoldingMessages: [3, 30], redeliveries: [1, 20] },
  async run(bench) {
    await onPeoplesStage(bench, (stage, people) => new Erasures(bench, stage, people).run());
  },
};

class Erasures {
  readonly #bench: Bench;
  readonly #stage: Stage;
  readonly #people: People;
  readonly #erased: readonly string[];
  readonly #staying: readonly string[];
  /** What erasures that ended in order have printed. */
  readonly #certificates: string[] = [];

  constructor(bench: Bench, stage: Stage, people: People) {
    this.#bench = bench;
    this.#stage = stage;
    this.#people = people;
    const persons = (kind: string, count: number): readonly string[] => Array.from({ length: count }, (_, n) => `${kind}-${n}`);
    this.#erased = [heavy, ...persons("erased", bench.size(4, 20))];
    this.#staying = persons("staying", bench.size(30, 200));
  }

  async run(): Promise<void> {
    const [bench, stage] = [this.#bench, this.#stage];
    const everybody = [...this.#erased, ...this.#staying];
    await watchErasures(stage.admin);
    this.#people.send(Array.from({ length: heavyMails }, (_, n) => ({ person: heavy, mail: `${heavy}.${n}@example.org` })));
    this.#sendOf(everybody, bench.size(500, 5_000));
    const loader = await stage.seat("loader");
    loader.start();
    await stage.untilDrained(60);
    await stage.stop(loader);

    const mixed = keepSending(stage, perSecond, (count) => this.#sendOf(everybody, count));
    await Promise.all([this.#killLoads(loader), this.#killHeavy(), this.#killAtRandom()]);
    mixed.stop();
    loader.start();
    await stage.untilDrained(60);
    // from here on nothing more comes of those who are erased; what others share with them does
    const others = keepSending(stage, perSecond, (count) => this.#sendOf(this.#staying, count));
    for (const [place, person] of this.#erased.entries()) await this.#eraseToTheEnd(person, place % 2 === 1);
    others.stop();
    await stage.untilDrained(60);
    await this.#overtakeLoad(loader);
    await stage.stop(loader);
    const until = stage.sent.length;
    await this.#judge((person, place) => this.#erased.includes(person) && place < until);

    this.#sendOf(this.#erased, 40);
    loader.start();
    await stage.untilDrained(60);
    await stage.stop(loader);
    await this.#judge((person, place) => this.#erased.includes(person) && place < until);
    await deliverVerdict(bench, stage, { deadLetters: "told", erased: true });
  }

  /** Of values half are shared; a few messages are refused. */
  #sendOf(persons: readonly string[], count: number): void {
    const { random } = this.#bench;
    for (let sent = 0; sent < count; sent += 1) {
      const person = random.pick(persons);
      const shared = random.chance(0.5);
      const mail = shared
        ? `shared.${random.below(sharedMails)}@example.org`
        : `${person}.own.${random.below(ownMails)}@example.org`;
      if (random.chance(0.05)) this.#people.sendRefused([{ person, mail }]);
      else this.#people.send([{ person, mail }]);
    }
  }

  async #killLoads(seat: Seat): Promise<void> {
    const { figures } = this.#bench;
    for (let killed = 0; killed < this.#bench.size(4, 60); killed += 1) {
      seat.start();
      const moment = ofLoads[killed % ofLoads.length] as MomentName;
      const held = await seat.hold(moment);
      if (held === null) this.#bench.fail(`no load came to "${moment}"`);
      if (seat.holding > 0) figures.add("killsHoldingMessages");
      await seat.kill();
      held?.letGo("cut");
      figures.add("kills");
    }
  }

  /** Killed between its rounds and within them. */
  async #killHeavy(): Promise<void> {
    const seat = await this.#stage.seat("eraser");
    for (const moment of ofErasures) {
      seat.startCommand(eraseCommand(), {}, `${heavy}\n`);
      const held = await seat.hold(moment);
      if (held === null) return this.#bench.fail(`an erasure came to its end before it could be killed at "${moment}"`);
      await seat.kill();
      held.letGo("cut");
      this.#bench.figures.add("kills");
    }
  }

  /** In turns at any time, most of which a process spends on its start, and at a moment of its work that is drawn. */
  async #killAtRandom(): Promise<void> {
    const { random, figures } = this.#bench;
    const seat = await this.#stage.seat("another eraser");
    const others = this.#erased.filter((person) => person !== heavy);
    for (let round = 0; round < this.#bench.size(2, 4); round += 1) {
      for (const [place, person] of others.entries()) {
        const running = seat.startCommand(eraseCommand({ nullTokens: place % 2 === 0 }), {}, `${person}\n`);
        const atMoment = (place + round) % 2 === 0 ? seat.hold(random.pick(ofErasures)) : null;
        const held = await (atMoment ?? Promise.race([running.finished, pause(200 + random.below(killWithinMs))]).then(() => null));
        await seat.kill();
        held?.letGo("cut");
        const finished = await running.finished;
        if (finished.signal === "SIGKILL") figures.add("kills");
        else this.#note(finished);
      }
    }
  }

  async #eraseToTheEnd(person: string, nullTokens: boolean): Promise<void> {
    this.#note(await this.#stage.start(eraseCommand({ nullTokens }), `${person}\n`).finished);
  }

  #note(finished: Finished): void {
    if (finished.code === 0) this.#certificates.push(finished.stdout);
    else this.#bench.fail(`an erasure ended otherwise: ${inShort(finished)}`);
  }

  /** An original goes between the load's look at it and its link to it. */
  async #overtakeLoad(loader: Seat): Promise<void> {
    const [person, mail] = [this.#erased[1] ?? "", "overtaken@example.org"];
    const stage = this.#stage;
    this.#people.send([{ person, mail }]);
    await stage.untilDrained(60);
    const linking = loader.hold("linking");
    this.#people.send([{ person: this.#staying[0] ?? "", mail }]);
    const held = await linking;
    if (held === null) return this.#bench.fail("no load came to link");
    await this.#eraseToTheEnd(person, true);
    held.letGo();
    await stage.untilDrained(60);
    if ((await stage.logged(/violates foreign key constraint "vault_link_of_original"/)) === 0) {
      this.#bench.fail("no load was overtaken by an erasure");
    }
  }

  async #judge(isErased: (person: string, place: number) => boolean): Promise<void> {
    const [bench, stage] = [this.#bench, this.#stage];
    await judgeVault(bench, stage, isErased);
    const gone = await judgeErasures(bench, stage.admin, this.#certificates);
    bench.say(`${this.#certificates.length} certificates; gone are ${JSON.stringify(gone)}`);
    for (const [what, count] of Object.entries(gone)) if (count === 0) bench.fail(`no ${what} went: nothing is proven of them`);
    await this.#checkReceipts(gone.bodies);
    await this.#checkRefused(isErased);
  }

  /** A receipt says loaded for each row, quarantined for each message that is still there, and discarded for each that was erased. */
  async #checkReceipts(bodies: number): Promise<void> {
    const [row] = await this.#stage.admin.query<Readonly<Record<string, number>>>(
      `SELECT (count(*) FILTER (WHERE outcome = 'loaded'))::int AS loaded, (SELECT count(*)::int FROM public.user_logins) AS rows,
              (count(*) FILTER (WHERE outcome = 'quarantined'))::int AS held, (SELECT count(*)::int FROM maskline.quarantine) AS quarantined,
              (count(*) FILTER (WHERE outcome = 'discarded'))::int AS discarded,
              (SELECT count(*)::int FROM maskline.quarantine_exit) AS exits
       FROM maskline.receipt`,
    );
    const stands = row?.["loaded"] === row?.["rows"] && row?.["held"] === row?.["quarantined"];
    if (!stands || row?.["discarded"] !== bodies || row["exits"] !== bodies) {
      this.#bench.fail(`receipts do not tell what became of the messages: ${JSON.stringify({ ...row, bodies })}`);
    }
  }

  /** Of those who are erased no refused message is left, of all others every one is. */
  async #checkRefused(isErased: (person: string, place: number) => boolean): Promise<void> {
    const left = new Set((await this.#stage.admin.query<{ id: string }>("SELECT id FROM maskline.quarantine")).map(({ id }) => id));
    const wrong = this.#stage.sent.filter((message, place) => {
      if (message.fate === "row") return false;
      return left.has(message.id) === isErased(readEvent(message).person, place);
    });
    if (wrong.length > 0) this.#bench.fail(`${wrong.length} refused messages are there that should not be, or the other way round`);
  }
}
