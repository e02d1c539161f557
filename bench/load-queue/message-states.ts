// a message's place in two bits, and beside them whether it has come a second time
const fresh = 0;
const inFlight = 1;
const visible = 2;
const deleted = 3;
const place = 3;
const came = 4;

/** Deadlines are kept to a tenth of a second: a lease is counted in seconds. */
const tickMs = 100;

/**
 * Where each message of a queue is: seven bytes a message, and four for each lease that has not run out. Messages are numbers; the first
 * of them are handed out in their order, those that come again before them.
 */
export class MessageStates {
  readonly #clock: () => number;
  #states: Uint8Array<ArrayBuffer>;
  #receives: Uint16Array<ArrayBuffer>;
  #leaseTick: Uint32Array<ArrayBuffer>;
  #size: number;
  #next = 0;
  #again: number[] = [];
  #againFirst = 0;
  /** By the tick at which their lease runs out. */
  readonly #leases = new Map<number, number[]>();
  #sweptTick = 0;
  #inFlight = 0;
  #visible: number;

  /** @param clock milliseconds that only rise */
  constructor(messages: number, clock: () => number) {
    this.#clock = clock;
    this.#size = messages;
    this.#visible = messages;
    this.#states = new Uint8Array(messages);
    this.#receives = new Uint16Array(messages);
    this.#leaseTick = new Uint32Array(messages);
    this.#sweptTick = this.#tick();
  }

  get visible(): number {
    return this.#visible;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** One more message. @returns its number */
  add(): number {
    if (this.#size === this.#states.length) this.#grow();
    this.#size += 1;
    this.#visible += 1;
    return this.#size - 1;
  }

  /** The next message, in flight from now on; -1 when there is none. */
  take(visibilityMs: number): number {
    const index = this.#nextVisible();
    if (index === -1) return -1;
    this.#visible -= 1;
    this.#inFlight += 1;
    this.#states[index] = (this.#of(index) & came) | inFlight;
    this.#receives[index] = this.receives(index) + 1;
    if (visibilityMs > 0) this.#lease(index, visibilityMs);
    else this.#show(index);
    return index;
  }

  receives(index: number): number {
    return this.#receives[index] ?? 0;
  }

  isHere(index: number): boolean {
    return index < this.#size && (this.#of(index) & place) !== deleted;
  }

  isInFlight(index: number): boolean {
    return (this.#of(index) & place) === inFlight;
  }

  /** @param comesAgain one that is deleted for the first time may come a second time. @returns whether it does */
  delete(index: number, comesAgain: boolean): boolean {
    const state = this.#of(index);
    const again = comesAgain && (state & came) === 0;
    if (this.isInFlight(index)) this.#inFlight -= 1;
    else this.#visible -= 1;
    this.#states[index] = again ? came | visible : (state & came) | deleted;
    if (again) {
      this.#visible += 1;
      this.#again.push(index);
    }
    return again;
  }

  /** Of one in flight: it is visible again after so long. */
  hideFor(index: number, visibilityMs: number): void {
    if (visibilityMs > 0) this.#lease(index, visibilityMs);
    else this.#show(index);
  }

  /** Makes visible what nobody has extended. */
  sweep(): void {
    const now = this.#tick();
    for (; this.#sweptTick < now; this.#sweptTick += 1) {
      const ended = this.#leases.get(this.#sweptTick);
      if (ended === undefined) continue;
      this.#leases.delete(this.#sweptTick);
      for (const index of ended) if (this.isInFlight(index) && this.#leaseTick[index] === this.#sweptTick) this.#show(index);
    }
  }

  #nextVisible(): number {
    while (this.#againFirst < this.#again.length) {
      const index = this.#again[this.#againFirst] as number;
      this.#againFirst += 1;
      // it may have been deleted meanwhile, or stand here twice
      if ((this.#of(index) & place) === visible) return index;
    }
    if (this.#againFirst > 0) {
      this.#again = [];
      this.#againFirst = 0;
    }
    while (this.#next < this.#size) {
      this.#next += 1;
      if (this.#of(this.#next - 1) === fresh) return this.#next - 1;
    }
    return -1;
  }

  #show(index: number): void {
    this.#inFlight -= 1;
    this.#visible += 1;
    this.#states[index] = (this.#of(index) & came) | visible;
    this.#again.push(index);
  }

  #lease(index: number, visibilityMs: number): void {
    const tick = this.#tick() + Math.ceil(visibilityMs / tickMs) + 1;
    if (this.#leaseTick[index] === tick) return;
    this.#leaseTick[index] = tick;
    const ending = this.#leases.get(tick);
    if (ending === undefined) this.#leases.set(tick, [index]);
    else ending.push(index);
  }

  #tick(): number {
    return Math.floor(this.#clock() / tickMs);
  }

  #of(index: number): number {
    return this.#states[index] ?? deleted;
  }

  #grow(): void {
    const more = Math.max(1_024, this.#size * 2);
    const [states, receives, leaseTick] = [new Uint8Array(more), new Uint16Array(more), new Uint32Array(more)];
    states.set(this.#states);
    receives.set(this.#receives);
    leaseTick.set(this.#leaseTick);
    this.#states = states;
    this.#receives = receives;
    this.#leaseTick = leaseTick;
  }
}
