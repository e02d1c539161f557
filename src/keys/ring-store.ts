import { MasklineError } from "../errors.ts";

/**
 * A place where the text of one ring is kept. It does not know what the text is: a plain ring, a wrapped one or a writer's.
 * Fetches at every call and keeps nothing. No error of its holds a part of the text.
 */
export interface RingStore {
  /** Where the ring is, safe to show. */
  readonly shown: string;
  /** What it means that a ring lies here unwrapped, for whoever has to decide whether that is enough. */
  readonly plainMeans: string;
  /** Whether earlier texts stay readable here after a change: then a ring that was plain once still is. */
  readonly keepsHistory: boolean;
  readonly writable: boolean;
  /** @throws MasklineError `keyring_missing`, `keyring_exposed`, `key_service_*` */
  read(): Promise<string>;
  /**
   * Durable when it returns. Never overwrites: a ring lost is all values lost.
   * @throws MasklineError `file_exists`, `keyring_unwritable`, `key_service_*`
   */
  create(text: string): Promise<void>;
  /**
   * Puts a text in the place of `previous`, durable when it returns. Whatever stops it, the old text or the new one is there, whole.
   * Of several who change the same text one wins.
   * @throws MasklineError `keyring_unwritable` for the others, `key_service_*`
   */
  replace(text: string, previous: string): Promise<void>;
}

/** The error of a store that cannot be written, for whoever asks it to be. */
export function readOnly({ shown }: Pick<RingStore, "shown">): MasklineError {
  return new MasklineError("keyring_unwritable", `key ring in ${shown} can be read only`, {
    next: "change it where its text comes from: in a file, in Secrets Manager or in SSM",
  });
}
