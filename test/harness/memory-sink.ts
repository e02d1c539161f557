import type { Batch, Delivery, LedgerPosition, Outcome, Settlement, Sink } from "../../src/pipeline/ports.ts";

interface LedgerRow extends LedgerPosition {
  readonly settled: number;
  readonly returned: number;
}

/** A sink in memory, for tests of what stands above the port: receipts, rows and a ledger, written together or not at all. */
export class MemorySink implements Sink {
  readonly receipts: Set<string> = new Set();
  readonly rows: string[] = [];
  readonly ledger: LedgerRow[] = [];
  readonly closed: LedgerPosition[] = [];
  readonly #settled = new Map<string, readonly Settlement[]>();
  readonly #beforeLoad: (batch: Batch) => void;

  /** @param beforeLoad may throw, as a database would */
  constructor(beforeLoad: (batch: Batch) => void = () => {}) {
    this.#beforeLoad = beforeLoad;
  }

  async load(batch: Batch, _halt?: AbortSignal): Promise<readonly Settlement[]> {
    const at = `${batch.position.lane} ${batch.position.sequence}`;
    const known = this.#settled.get(at);
    if (known !== undefined) return known;
    await Promise.all(batch.refused.map(batch.seal));
    this.#beforeLoad(batch);
    const first = (id: string): boolean => !this.receipts.has(id) && Boolean(this.receipts.add(id));
    const settle = (delivery: Delivery, id: string, outcome: Outcome): Settlement => ({
      delivery,
      outcome: first(id) ? outcome : "duplicate",
    });
    const { deliveries, ids } = batch.rows;
    const loaded = deliveries.map((delivery, row) => settle(delivery, ids[row] as string, "loaded"));
    const refused = batch.refused.map(({ delivery, id }) => settle(delivery, id, "quarantined"));
    loaded.forEach(({ outcome }, row) => outcome === "loaded" && this.rows.push(batch.rows.columns[0]?.at(row) ?? ""));
    this.ledger.push({ ...batch.position, settled: loaded.length + refused.length, returned: 0 });
    const settlements = [...loaded, ...refused];
    this.#settled.set(at, settlements);
    return settlements;
  }

  async abandon(position: LedgerPosition, messages: number): Promise<void> {
    const durable = this.ledger.some(({ lane, sequence }) => lane === position.lane && sequence === position.sequence);
    if (!durable) this.ledger.push({ ...position, settled: 0, returned: messages });
  }

  async noteReceived(): Promise<void> {}

  async probe(): Promise<void> {}

  async closeLane(position: LedgerPosition): Promise<void> {
    this.closed.push(position);
    this.ledger.push({ ...position, settled: 0, returned: 0 });
  }

  async close(): Promise<void> {}

  /** Received less what has an outcome, over all lanes. */
  difference(): number {
    const received = new Map<number, number>();
    let accounted = 0;
    for (const { lane, received: soFar, returned, settled } of this.ledger) {
      received.set(lane, Math.max(received.get(lane) ?? 0, soFar));
      accounted += returned + settled;
    }
    return [...received.values()].reduce((sum, count) => sum + count, 0) - accounted;
  }
}
