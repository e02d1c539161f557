import type { Delivery, Settlement, Source } from "../pipeline/ports.ts";

/**
 * A source whose deletes get lost for some messages, once each, as when a consumer dies between its commit and its delete: the message
 * has had its effect and is delivered again.
 */
export function withLostDeletes(source: Source, loses: (delivery: Delivery) => boolean): Source {
  const lost = new Set<string>();
  const losesNow = ({ delivery, outcome }: Settlement): boolean =>
    outcome !== "returned" && !lost.has(delivery.id) && loses(delivery);
  return {
    receive: (limit, signal) => source.receive(limit, signal),
    settle: (settlements) =>
      source.settle(
        settlements.map((settlement): Settlement => {
          if (!losesNow(settlement)) return settlement;
          lost.add(settlement.delivery.id);
          return { ...settlement, outcome: "returned" };
        }),
      ),
    close: () => source.close(),
  };
}
