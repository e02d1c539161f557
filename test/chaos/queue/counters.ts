/** What happened so far. */
export interface QueueCounters {
  /** By action; also those that met a fault. */
  readonly calls: Record<string, number>;
  /** Messages handed out, each time counted. */
  deliveries: number;
  /** Of these: handed out before, and visible again since. */
  redeliveries: number;
  /** Of these: handed out although in flight. */
  duplicates: number;
  deletes: number;
  /** Deletes under a handle that was no longer the newest, or of what was deleted already. */
  staleDeletes: number;
  /** Deletes answered as done that did nothing. */
  forgottenDeletes: number;
  /** Entries in Failed[] by the fault partialDeletes. */
  failedDeletes: number;
  deadLetters: number;
  emptyReceives: number;
  /** Calls that met a fault, by its name. */
  readonly faultsOf: Record<string, number>;
  /** All of them. */
  faults: number;
}

export function newCounters(): QueueCounters {
  return {
    calls: {},
    deliveries: 0,
    redeliveries: 0,
    duplicates: 0,
    deletes: 0,
    staleDeletes: 0,
    forgottenDeletes: 0,
    failedDeletes: 0,
    deadLetters: 0,
    emptyReceives: 0,
    faultsOf: {},
    faults: 0,
  };
}

export function count(numbers: Record<string, number>, name: string): void {
  numbers[name] = (numbers[name] ?? 0) + 1;
}
