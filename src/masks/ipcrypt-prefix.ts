import { MasklineError } from "../errors.ts";
import type { DomainKeys, Mask, MaskDefinition } from "./mask.ts";

export function createIpcryptPrefixMask(definition: MaskDefinition, _keys: DomainKeys): Mask {
  throw new MasklineError("internal", `${definition.kind} is not built yet`);
}
