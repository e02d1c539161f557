import type { Batch, Delivery } from "./ports.ts";

/**
 * In groups that keep their order, what goes back to the source because of refused messages: they, and all that stand behind them in
 * their group. A message without a group holds up nobody.
 * @param deliveries the batch, in the order in which it was received
 */
export function holdsGroups(deliveries: readonly Delivery[]): NonNullable<Batch["heldBack"]> {
  return (refused) => {
    const atFault = new Set(refused);
    const held = new Set<string>();
    return deliveries.filter((delivery) => {
      const { groupId } = delivery;
      if (groupId === null) return false;
      if (atFault.has(delivery)) held.add(groupId);
      return held.has(groupId);
    });
  };
}

/** The same where every refused message goes back, grouped or not. */
export function returnsRefused(deliveries: readonly Delivery[]): NonNullable<Batch["heldBack"]> {
  const behind = holdsGroups(deliveries);
  return (refused) => [...new Set([...refused, ...behind(refused)])];
}
