/** A body as it stands among others: the bytes of a line, without its end. */
export interface Line {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** What a contract reads of a message: the body and the few facts its source knows about it. */
export interface Incoming {
  /** The source's own name of the message; the same when it is delivered again. */
  readonly id: string;
  readonly body: string;
  /** The same body, where it came as bytes that nobody has made a text of yet. */
  readonly line?: Line;
  /** When the producer sent it, in ms since 1970 UTC; null where the source does not say. */
  readonly sentAtMs: number | null;
  readonly receivedAtMs: number;
  readonly groupId: string | null;
  readonly attributes: Readonly<Record<string, string>>;
}
