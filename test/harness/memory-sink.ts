import type { Batch, Delivery, LedgerPosition, Outcome, Settlement, Sink } from "../../src/pipeline/ports.ts";

interface LedgerRow extends LedgerPosition {
  readonly settled: number;
}

/** A sink in memory, for tests of what stands above the port: receipts, rows and a ledger, written together or not at all. */
export class MemorySink implements Sink {
  readonly receipts: Set<string> = new Set();
  readonly rows: string[] = [];
  readonly ledger: LedgerRow[] = [];
  readonly closed: LedgerPosition[] = [];
  readonly #beforeLoad: (batch: Batch) => void;

  /** @param beforeLoad may throw, as a database would */
  constructor(beforeLoad: (batch: Batch) => void = () => {}) {
    this.#beforeLoad = beforeLoad;
  }

  async load(batch: Batch): Promise<readonly Settlement[]> {
    await Promise.all(batch.refused.map(({ delivery }) => batch.seal(delivery)));
    this.#beforeLoad(batch);
    const first = (delivery: Delivery): boolean => !this.receipts.has(delivery.id) && Boolean(this.receipts.add(delivery.id));
    const settle = (delivery: Delivery, outcome: Outcome): Settlement => ({
      delivery,
      outcome: first(delivery) ? outcome : "duplicate",
    });
    const loaded = batch.rows.deliveries.map((delivery) => settle(delivery, "loaded"));
    const refused = batch.refused.map(({ delivery }) => settle(delivery, "quarantined"));
    loaded.forEach(({ outcome }, row) => outcome === "loaded" && this.rows.push(batch.rows.columns[0]?.[row] ?? ""));
    this.ledger.push({ ...batch.position, settled: loaded.length + refused.length });
    return [...loaded, ...refused];
  }

  async closeLane(position: LedgerPosition): Promise<void> {
    this.closed.push(position);
    this.ledger.push({ ...position, settled: 0 });
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
