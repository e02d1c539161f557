import { MasklineError } from "../errors.ts";
import type { Mask, MaskDefinition } from "./mask.ts";

export function createGeneraliseMask(definition: MaskDefinition): Mask {
  throw new MasklineError("internal", `${definition.kind} is not built yet`);
}
