import type { Delivery } from "../../pipeline/ports.ts";
import type { Lease } from "./leases.ts";

/** A message that has come and waits for a lane. */
export interface Arrival {
  readonly delivery: Delivery;
  readonly lease: Lease;
}

/** How many a lane is given together, by how often they have been handed out: one that crashes the process takes few neighbours along. */
const kinds = [
  { upToAttempt: 1, together: Infinity },
  { upToAttempt: 3, together: 10 },
  { upToAttempt: Infinity, together: 1 },
] as const;

/** A FIFO group. Its messages stand in one line at a time, and only while none of them is in work: so they never overtake one another. */
interface Group {
  inWork: number;
  /** Those in a line, and which line. */
  lined: number;
  line: number;
  /** Behind them, in the order they came. */
  readonly behind: Ordered[];
}

interface Ordered extends Arrival {
  readonly order: number;
}

class Line {
  ordered: Ordered[] = [];
  bytes = 0;

  push(arrival: Ordered): void {
    this.ordered.push(arrival);
    this.bytes += arrival.lease.bytes;
  }
}

/** What has been received and not yet been taken by a lane, in the order of arrival; one line for each kind of attempt. */
export class Arrivals {
  readonly #lines: readonly Line[] = kinds.map(() => new Line());
  readonly #groups = new Map<string, Group>();
  #arrived = 0;
  #size = 0;

  /** Everything that waits, behind its group too. */
  get size(): number {
    return this.#size;
  }

  get isReady(): boolean {
    return this.#lines.some(({ ordered }) => ordered.length > 0);
  }

  add(arrival: Arrival): void {
    this.#arrived += 1;
    this.#size += 1;
    const ordered: Ordered = { ...arrival, order: this.#arrived };
    const { groupId } = arrival.lease;
    if (groupId === null) this.#line(lineOf(ordered)).push(ordered);
    else this.#addToGroup(ordered, groupId);
  }

  /** Whether more arrivals could not change what `take` answers. */
  isFull(limit: number, batchBytes: number): boolean {
    const next = this.#next();
    const line = this.#line(next);
    return line.ordered.length >= together(next, limit) || line.bytes >= batchBytes;
  }

  /** What has waited longest and whatever may go with it: at most `limit`, and at most `batchBytes` unless a single one is larger. */
  take(limit: number, batchBytes: number): readonly Arrival[] {
    const next = this.#next();
    const line = this.#line(next);
    const most = Math.min(together(next, limit), line.ordered.length);
    let bytes = 0;
    let count = 0;
    while (count < most) {
      bytes += line.ordered[count]?.lease.bytes ?? 0;
      if (count > 0 && bytes > batchBytes) break;
      count += 1;
    }
    const taken = line.ordered.splice(0, count);
    this.#size -= count;
    for (const { lease } of taken) {
      line.bytes -= lease.bytes;
      const group = lease.groupId === null ? undefined : this.#groups.get(lease.groupId);
      if (group === undefined) continue;
      group.lined -= 1;
      group.inWork += 1;
    }
    this.#stepBack(taken, next);
    return taken;
  }

  /** A message of this group is no longer in work; with the last one, what stands behind it may go. */
  settled(groupId: string): void {
    const group = this.#groups.get(groupId);
    if (group === undefined) return;
    group.inWork -= 1;
    if (group.inWork > 0) return;
    const [first] = group.behind;
    if (first === undefined && group.lined === 0) this.#groups.delete(groupId);
    if (first === undefined || group.lined > 0) return;
    const line = lineOf(first);
    const other = group.behind.findIndex((arrival) => lineOf(arrival) !== line);
    for (const arrival of group.behind.splice(0, other === -1 ? group.behind.length : other)) this.#lineUp(group, arrival, line);
  }

  /** Takes out these, and what stands behind them in their groups: it must not come before them. */
  remove(leases: ReadonlySet<Lease>): readonly Arrival[] {
    const groups = new Set<string>();
    for (const { groupId } of leases) if (groupId !== null) groups.add(groupId);
    return this.#takeOut(({ lease }) => leases.has(lease) || (lease.groupId !== null && groups.has(lease.groupId)));
  }

  removeGroup(groupId: string): readonly Arrival[] {
    return this.#groups.has(groupId) ? this.#takeOut(({ lease }) => lease.groupId === groupId) : [];
  }

  removeAll(): readonly Arrival[] {
    return this.#takeOut(() => true);
  }

  #addToGroup(arrival: Ordered, groupId: string): void {
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      group = { inWork: 0, lined: 0, line: 0, behind: [] };
      this.#groups.set(groupId, group);
    }
    const line = lineOf(arrival);
    const mayLineUp = group.inWork === 0 && group.behind.length === 0 && (group.lined === 0 || group.line === line);
    if (mayLineUp) this.#lineUp(group, arrival, line);
    else group.behind.push(arrival);
  }

  #lineUp(group: Group, arrival: Ordered, line: number): void {
    group.lined += 1;
    group.line = line;
    this.#line(line).push(arrival);
  }

  /** The rest of a group of which only the first have been taken leaves its line again, until those have settled. */
  #stepBack(taken: readonly Arrival[], kind: number): void {
    const cut = new Set<Group>();
    for (const { lease } of taken) {
      const group = lease.groupId === null ? undefined : this.#groups.get(lease.groupId);
      if (group !== undefined && group.lined > 0) cut.add(group);
    }
    if (cut.size === 0) return;
    const line = this.#line(kind);
    const back = new Map<Group, Ordered[]>();
    line.ordered = line.ordered.filter((arrival) => {
      const group = this.#groups.get(arrival.lease.groupId ?? "");
      if (group === undefined || !cut.has(group)) return true;
      back.set(group, [...(back.get(group) ?? []), arrival]);
      line.bytes -= arrival.lease.bytes;
      return false;
    });
    for (const [group, arrivals] of back) {
      group.lined = 0;
      group.behind.unshift(...arrivals);
    }
  }

  #takeOut(goes: (arrival: Ordered) => boolean): readonly Arrival[] {
    const gone: Ordered[] = [];
    for (const line of this.#lines) {
      line.ordered = line.ordered.filter((arrival) => {
        if (!goes(arrival)) return true;
        gone.push(arrival);
        line.bytes -= arrival.lease.bytes;
        const group = this.#groups.get(arrival.lease.groupId ?? "");
        if (group !== undefined) group.lined -= 1;
        return false;
      });
    }
    for (const [groupId, group] of this.#groups) {
      const stays = group.behind.filter((arrival) => !goes(arrival));
      if (stays.length < group.behind.length) gone.push(...group.behind.filter(goes));
      group.behind.splice(0, group.behind.length, ...stays);
      if (group.inWork === 0 && group.lined === 0 && stays.length === 0) this.#groups.delete(groupId);
    }
    this.#size -= gone.length;
    return gone.sort((one, other) => one.order - other.order);
  }

  /** The line whose first has waited longest. */
  #next(): number {
    let best = 0;
    let oldest = Infinity;
    this.#lines.forEach(({ ordered: [first] }, kind) => {
      if (first === undefined || first.order >= oldest) return;
      oldest = first.order;
      best = kind;
    });
    return best;
  }

  #line(kind: number): Line {
    const line = this.#lines[kind];
    if (line === undefined) throw new RangeError(`no line ${kind}`);
    return line;
  }
}

function lineOf({ lease: { attempt } }: Arrival): number {
  return kinds.findIndex(({ upToAttempt }) => attempt <= upToAttempt);
}

function together(kind: number, limit: number): number {
  return Math.min(limit, kinds[kind]?.together ?? limit);
}
