import type { Delivery, Refusal } from "../../pipeline/ports.ts";
import type { Prepared } from "../../pipeline/prepare.ts";
import { FileLine } from "./line.ts";

/** Refuses lines that are no body at all (too long, not UTF-8), and leaves the others to `prepare`. */
export function withoutUnreadable<P extends Prepared>(
  prepare: (deliveries: readonly Delivery[]) => P | Promise<P>,
): (deliveries: readonly Delivery[]) => Promise<P> {
  return async (deliveries) => {
    const [first] = deliveries;
    // a batch is of one block
    if (!(first instanceof FileLine) || first.among.isSound) return prepare(deliveries);
    const readable: Delivery[] = [];
    const refused: Refusal[] = [];
    for (const delivery of deliveries) {
      const fault = delivery instanceof FileLine ? delivery.fault : null;
      if (fault === null) readable.push(delivery);
      else refused.push({ delivery, id: delivery.id, faults: [fault] });
    }
    const prepared = await prepare(readable);
    return { ...prepared, refused: [...prepared.refused, ...refused] };
  };
}
