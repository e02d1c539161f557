import { type BodyKind, type BodyPool, type Fate, makeBodyPool, type PooledBody } from "./bodies.ts";
import { HexWords } from "./hex-words.ts";
import { isAmong, mix } from "./mixing.ts";

/** What is on a queue before anyone receives. */
export interface BacklogPlan {
  readonly messages: number;
  readonly seed: number;
  readonly kind: BodyKind;
  /** Share of the messages that are handed out a second time after they were deleted, as SQS may. */
  readonly duplicates: number;
  /** Share of the bodies that break the contract. */
  readonly broken: number;
  /** Share of the bodies that break the CHECK of the table. */
  readonly refused: number;
}

export const plainBacklog: Omit<BacklogPlan, "messages"> = { seed: 1, kind: "login", duplicates: 0, broken: 0, refused: 0 };

const fateSalt = 0x51ed270b;
const duplicateSalt = 0x2545f491;
const idSalt = 0x3c6ef372;
const timeSalt = 0x1b873593;
/** A busy producer's rate, and how far a queue's order is from that of the sent times. */
const messagesPerMs = 4;
const disorderMs = 1_024;

/** Every message of a backlog, by its number: nothing is kept of them, all follows from the seed. */
export class Backlog {
  readonly plan: BacklogPlan;
  readonly pool: BodyPool;
  readonly #hex: HexWords = new HexWords();
  readonly #fixedHalf: string;
  readonly #startMs: number;

  /** @param nowMs no message is sent later than this */
  constructor(plan: BacklogPlan, nowMs: number) {
    this.plan = plan;
    this.pool = makeBodyPool(plan.kind, plan.seed, plan.messages);
    const fixed = this.#hex.eight(mix(plan.seed));
    this.#fixedHalf = `-${fixed.slice(0, 4)}-4${fixed.slice(4, 7)}-8${fixed.slice(5)}-`;
    this.#startMs = nowMs - Math.ceil(plan.messages / messagesPerMs) - disorderMs;
  }

  /** A UUID of its own for each message. Ids are in no order, as those of SQS. */
  idOf(index: number): string {
    const mixed = mix(index ^ idSalt);
    return this.#hex.eight(mixed) + this.#fixedHalf + this.#hex.eight(mix(mixed)) + this.#hex.four(index & 0xffff);
  }

  fateOf(index: number): Fate {
    const { broken, refused } = this.plan;
    if (broken === 0 && refused === 0) return "row";
    if (isAmong(broken, index, fateSalt)) return "broken";
    return isAmong(refused, index, fateSalt ^ duplicateSalt) ? "refused" : "row";
  }

  comesTwice(index: number): boolean {
    return isAmong(this.plan.duplicates, index, duplicateSalt);
  }

  placeInPool(index: number, fate: Fate): number {
    return index % this.pool[fate].length;
  }

  bodyOf(index: number): PooledBody {
    const fate = this.fateOf(index);
    return this.pool[fate][this.placeInPool(index, fate)] as PooledBody;
  }

  sentAtMs(index: number): number {
    return this.#startMs + Math.floor(index / messagesPerMs) + (mix(index ^ timeSalt) & (disorderMs - 1));
  }

  /** What a consumer that does its work leaves behind. */
  expected(): Expected {
    const rows = new Map<string, number>();
    const counts = { messages: this.plan.messages, duplicates: 0, row: 0, broken: 0, refused: 0 };
    for (let index = 0; index < this.plan.messages; index += 1) {
      const fate = this.fateOf(index);
      counts[fate] += 1;
      if (this.comesTwice(index)) counts.duplicates += 1;
      if (fate !== "row") continue;
      const user = this.bodyOf(index).login.user_id;
      rows.set(user, (rows.get(user) ?? 0) + 1);
    }
    return { ...counts, rows };
  }
}

export interface Expected {
  readonly messages: number;
  /** Messages that come twice. */
  readonly duplicates: number;
  /** Messages of each fate. */
  readonly row: number;
  readonly broken: number;
  readonly refused: number;
  /** How many rows each user has. */
  readonly rows: ReadonlyMap<string, number>;
}
