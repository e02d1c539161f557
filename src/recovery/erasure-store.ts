/** A token that stands for a value of the subject. */
export interface SubjectToken {
  readonly domain: string;
  readonly token: string;
  /** Nobody else's: its original goes with the subject. */
  readonly alone: boolean;
}

/** Tokens in the subject's rows: of masks that the key ring alone opens, or of those that it does not. */
export interface HeldTokens {
  /** How many of the rows hold any; null where the table does not say whose a row is. */
  readonly rows: number | null;
  /** Columns, or paths inside them, where there are any; where the rows are not found, those where the contract has them. */
  readonly columns: readonly string[];
}

/** What there is of a subject, before anything is removed. */
export interface Survey {
  /** In a fixed order. */
  readonly tokens: readonly SubjectToken[];
  /** Ids of refused messages, in a fixed order. */
  readonly bodies: readonly string[];
  /** Rows of the target table; null where it does not say whose a row is. */
  readonly rows: number | null;
  /** Of masks that no key opens: the vault's, and keyed hashes. */
  readonly oneWay: HeldTokens;
  /** Of masks that open without the vault. */
  readonly reversible: HeldTokens;
  /** Refused messages of anybody that do not say whose they are. */
  readonly unnamedBodies: number;
  /** Ids of the erasures of this subject that have ended, the newest first. */
  readonly ended: readonly string[];
  /** Whether one was begun that has not come to its end. */
  readonly unfinished: boolean;
}

/** What an erasure has removed, in all calls that it took. */
export interface Tally {
  readonly links: number;
  readonly originals: number;
  /** Originals that stay, since they are others' too. */
  readonly shared: number;
  readonly bodies: number;
  readonly rowsNulled: number;
}

/**
 * Where what is known of one subject stands. Each call is one transaction, and what it removed is counted in it; where another call has ended
 * the erasure, nothing is removed: `database_busy`.
 */
export interface ErasureStore {
  survey(): Promise<Survey>;
  /** Goes on with the erasure of this subject that did not come to its end, or begins one. @returns its id */
  begin(): Promise<string>;
  /** Removes some links, and the originals that have none left. @returns whether there may be more */
  removeLinks(id: string): Promise<boolean>;
  /**
   * Removes some refused messages, which count as discarded: by this act, as the account of what left the quarantine says.
   * @returns whether there may be more
   */
  removeBodies(id: string, act: string): Promise<boolean>;
  /** Makes NULL of all tokens of keyed masks that are whole values of the subject's rows. */
  nullTokens(id: string): Promise<void>;
  tally(id: string): Promise<Tally & { readonly startedAt: Date; readonly now: Date; readonly actor: string }>;
  /**
   * The end: what is known of it from now on is its certificate, and nothing more is counted.
   * @throws MasklineError `database_busy` where more was removed than the certificate counts, or another call has ended it
   */
  finish(id: string, certificate: string, counted: Tally): Promise<void>;
}
