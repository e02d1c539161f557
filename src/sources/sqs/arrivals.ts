import type { Lease } from "./leases.ts";
import { Line } from "./line.ts";

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
  readonly behind: Lease[];
}

/** Those of one kind that may go. */
class Ready {
  readonly line: Line<Lease> = new Line();
  bytes = 0;

  push(lease: Lease): void {
    this.line.push(lease);
    this.bytes += lease.bytes;
  }

  take(count: number): readonly Lease[] {
    return this.#left(this.line.take(count));
  }

  takeOut(goes: (lease: Lease) => boolean): readonly Lease[] {
    return this.#left(this.line.takeOut(goes));
  }

  #left(leases: readonly Lease[]): readonly Lease[] {
    for (const { bytes } of leases) this.bytes -= bytes;
    return leases;
  }
}

/** What has been received and not yet been taken by a lane, in the order of arrival; one line for each kind of attempt. */
export class Arrivals {
  readonly #lines: readonly Ready[] = kinds.map(() => new Ready());
  readonly #groups = new Map<string, Group>();
  #arrived = 0;
  #size = 0;

  /** Everything that waits, behind its group too. */
  get size(): number {
    return this.#size;
  }

  get isReady(): boolean {
    for (const { line } of this.#lines) if (line.length > 0) return true;
    return false;
  }

  add(lease: Lease): void {
    this.#arrived += 1;
    this.#size += 1;
    lease.order = this.#arrived;
    const { groupId } = lease;
    if (groupId === null) this.#line(lineOf(lease)).push(lease);
    else this.#addToGroup(lease, groupId);
  }

  /** Whether more arrivals could not change what `take` answers. */
  isFull(limit: number, batchBytes: number): boolean {
    const next = this.#next();
    const { line, bytes } = this.#line(next);
    return line.length >= together(next, limit) || bytes >= batchBytes;
  }

  /** What has waited longest and whatever may go with it: at most `limit`, and at most `batchBytes` unless a single one is larger. */
  take(limit: number, batchBytes: number): readonly Lease[] {
    const next = this.#next();
    const ready = this.#line(next);
    const most = Math.min(together(next, limit), ready.line.length);
    let bytes = 0;
    let count = 0;
    while (count < most) {
      bytes += ready.line.at(count)?.bytes ?? 0;
      if (count > 0 && bytes > batchBytes) break;
      count += 1;
    }
    const taken = ready.take(count);
    this.#size -= count;
    if (this.#groups.size > 0) this.#startWork(taken, ready);
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
    const other = group.behind.findIndex((lease) => lineOf(lease) !== line);
    for (const lease of group.behind.splice(0, other === -1 ? group.behind.length : other)) this.#lineUp(group, lease, line);
  }

  /** Takes out these, and what stands behind them in their groups: it must not come before them. */
  remove(leases: ReadonlySet<Lease>): readonly Lease[] {
    const groups = new Set<string>();
    for (const { groupId } of leases) if (groupId !== null) groups.add(groupId);
    return this.#takeOut((lease) => leases.has(lease) || (lease.groupId !== null && groups.has(lease.groupId)));
  }

  removeGroup(groupId: string): readonly Lease[] {
    return this.#groups.has(groupId) ? this.#takeOut((lease) => lease.groupId === groupId) : [];
  }

  removeAll(): readonly Lease[] {
    return this.#takeOut(() => true);
  }

  #addToGroup(lease: Lease, groupId: string): void {
    let group = this.#groups.get(groupId);
    if (group === undefined) {
      group = { inWork: 0, lined: 0, line: 0, behind: [] };
      this.#groups.set(groupId, group);
    }
    const line = lineOf(lease);
    const mayLineUp = group.inWork === 0 && group.behind.length === 0 && (group.lined === 0 || group.line === line);
    if (mayLineUp) this.#lineUp(group, lease, line);
    else group.behind.push(lease);
  }

  #lineUp(group: Group, lease: Lease, line: number): void {
    group.lined += 1;
    group.line = line;
    this.#line(line).push(lease);
  }

  /** The rest of a group of which only the first have been taken leaves its line again, until those have settled. */
  #startWork(taken: readonly Lease[], ready: Ready): void {
    for (const lease of taken) {
      const group = this.#groupOf(lease);
      if (group === undefined) continue;
      group.lined -= 1;
      group.inWork += 1;
    }
    const cut = new Set<Group>();
    for (const lease of taken) {
      const group = this.#groupOf(lease);
      if (group !== undefined && group.lined > 0) cut.add(group);
    }
    if (cut.size === 0) return;
    const back = new Map<Group, Lease[]>();
    for (const group of cut) back.set(group, []);
    const stepBack = (lease: Lease): boolean => {
      const group = this.#groupOf(lease);
      return group !== undefined && cut.has(group);
    };
    for (const lease of ready.takeOut(stepBack)) back.get(this.#groupOf(lease) as Group)?.push(lease);
    for (const [group, leases] of back) {
      group.lined = 0;
      group.behind.unshift(...leases);
    }
  }

  #takeOut(goes: (lease: Lease) => boolean): readonly Lease[] {
    const gone: Lease[] = [];
    for (const ready of this.#lines) {
      for (const lease of ready.takeOut(goes)) {
        gone.push(lease);
        const group = this.#groupOf(lease);
        if (group !== undefined) group.lined -= 1;
      }
    }
    for (const [groupId, group] of this.#groups) {
      const stays = group.behind.filter((lease) => !goes(lease));
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
    for (let kind = 0; kind < kinds.length; kind += 1) {
      const order = this.#lines[kind]?.line.at(0)?.order ?? Infinity;
      if (order >= oldest) continue;
      oldest = order;
      best = kind;
    }
    return best;
  }

  #line(kind: number): Ready {
    const line = this.#lines[kind];
    if (line === undefined) throw new RangeError(`no line ${kind}`);
    return line;
  }

  #groupOf({ groupId }: Lease): Group | undefined {
    return groupId === null ? undefined : this.#groups.get(groupId);
  }
}

function lineOf({ attempt }: Lease): number {
  let kind = 0;
  while (attempt > (kinds[kind]?.upToAttempt ?? Infinity)) kind += 1;
  return kind;
}

function together(kind: number, limit: number): number {
  return Math.min(limit, kinds[kind]?.together ?? limit);
}
