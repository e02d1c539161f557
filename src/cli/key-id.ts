import { MasklineError } from "../errors.ts";

/** @throws MasklineError `usage` where a text is no id of a key */
export function readKeyId(text: string, what: string = "takes the id of a key"): number {
  const id = Number(text);
  if (/^\d{1,10}$/.test(text) && id > 0 && id <= 0xffff_ffff) return id;
  throw new MasklineError("usage", what, { next: "maskline keys list" });
}
