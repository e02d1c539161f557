import { MasklineError } from "../../errors.ts";

/** Someone else's text is there: to write over it would be to lose the keys in it. */
export function changedMeanwhile(shown: string): MasklineError {
  return new MasklineError("keyring_unwritable", `key ring ${shown} was changed by someone else in the meantime; theirs was kept`, {
    next: "look at it (maskline keys list), then try again",
  });
}
