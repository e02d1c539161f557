import { MasklineError } from "../errors.ts";
import type { Mask, MaskDefinition } from "./mask.ts";

export function createNullMask(definition: MaskDefinition): Mask {
  throw new MasklineError("internal", `${definition.kind} is not built yet`);
}
