/** One thing that is wrong with a configuration: where it stands, what was found and what is allowed. Secrets are never repeated. */
export interface ConfigFault {
  /** The option, part by part; [] for the file as a whole. */
  readonly path: readonly string[];
  /** Known already, for faults of the text itself; otherwise looked up from the path. */
  readonly line?: number;
  readonly message: string;
}
