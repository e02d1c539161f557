import { MasklineError } from "../errors.ts";

/**
 * What a failing statement means for the messages in it.
 * `row`: this value; the message is quarantined. `retry`: the same statement may work now. `outage`: the database is not there;
 * messages wait. `misfit`: rights, tables or types are wrong; the run stops and quarantines nothing.
 */
export type FailureClass = "row" | "retry" | "outage" | "misfit";

/** Longest prefix wins. Codes: PostgreSQL documentation, appendix A. */
const classBySqlState: Readonly<Record<string, FailureClass>> = {
  "08": "outage",
  "08P01": "misfit", // protocol violation: a value was sent in a form the column's type does not read
  "0A": "misfit",
  "0L": "misfit",
  "0P": "misfit",
  "22": "row",
  "22P03": "misfit", // invalid binary representation: as 08P01
  "23": "row",
  "24": "misfit",
  "25": "misfit",
  "25006": "outage", // read-only: a failover is going on
  "25P03": "outage", // idle in a transaction for too long
  "25P04": "outage", // a transaction that took too long
  "26": "misfit",
  "28": "misfit",
  "2B": "misfit",
  "2D": "misfit",
  "34": "misfit",
  "3B": "misfit",
  "3D": "misfit",
  "3F": "misfit",
  "40": "retry",
  "40003": "outage", // whether the statement was completed is not known
  "42": "misfit",
  "44000": "row", // WITH CHECK OPTION of a view
  "53": "outage",
  "54": "row", // an index row too large, a nesting too deep
  "55": "misfit",
  "55006": "retry",
  "55P03": "retry",
  "57": "outage",
  // Someone cancelled the statement, or it took too long. Too long for its rows it would be again, and no row can be told; far more
  // often the server is overloaded for a while. The answer is certain (nothing was done) and the connection is sound, so there is nothing
  // to look up and nowhere else to connect to: not an outage, but a busy database, and it is for the lane to say how often it asks again.
  "57014": "retry",
  "58": "outage",
  "72": "retry",
  F0: "outage",
  HV: "misfit", // a foreign table
  P0: "row", // RAISE in a trigger
  XX: "outage",
};

/** The parts of a driver's error that hold no value of a row. Everything else (message, detail, where) stays behind. */
export interface DatabaseFailure {
  readonly sqlState: string;
  readonly failureClass: FailureClass;
  readonly constraint: string | null;
  readonly table: string | null;
  readonly column: string | null;
}

/** Reduces whatever the driver threw to what may be shown. Errors without an SQLSTATE come from the network and are outages. */
export function databaseFailure(error: unknown): DatabaseFailure {
  const part = (name: string): string | null => {
    const value: unknown = typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
    return typeof value === "string" && value !== "" ? value : null;
  };
  const sqlState = part("code") ?? "no connection";
  return {
    sqlState,
    failureClass: classOf(sqlState, part("severity")),
    constraint: part("constraint"),
    table: part("table"),
    column: part("column"),
  };
}

function classOf(sqlState: string, severity: string | null): FailureClass {
  // pgbouncer ends connections with 08P01 when its server is away
  if (severity === "FATAL" && sqlState.startsWith("08")) return "outage";
  for (let length = sqlState.length; length >= 2; length -= 1) {
    const found = classBySqlState[sqlState.slice(0, length)];
    if (found !== undefined) return found;
  }
  // what is left comes from a trigger or a function of the user's: RAISE ... USING ERRCODE
  return isSqlState(sqlState) ? "row" : "outage";
}

/**
 * Whether neighbours may tell: a refusal that is one row's if others load, and everyone's if none does. 42501 is a missing right, and
 * also what a row-level security policy raises for a row it does not take.
 */
export function mayBeRow({ failureClass, sqlState }: DatabaseFailure): boolean {
  return failureClass === "row" || sqlState === "42501";
}

/**
 * Whether a row is refused for what it holds, whatever other rows are there: its values do not fit their types, or a constraint on the
 * row itself. A trigger can raise any code; whoever asks has to know that none did.
 */
export function isOfRowAlone({ sqlState }: DatabaseFailure): boolean {
  return sqlState.startsWith("22") || sqlState === "23502" || sqlState === "23514";
}

/** A unique key, or what EXCLUDE says: the row clashes with another one. */
export function isClash({ sqlState }: DatabaseFailure): boolean {
  return sqlState === "23505" || sqlState === "23P01";
}

/** Codes of the operating system can look alike (EPIPE); no SQLSTATE of PostgreSQL's begins with E. */
function isSqlState(code: string): boolean {
  return /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code);
}

/** "SQLSTATE 23514, constraint positive_version, column app_version" */
export function describeFailure(failure: DatabaseFailure): string {
  const parts = [isSqlState(failure.sqlState) ? `SQLSTATE ${failure.sqlState}` : failure.sqlState];
  if (failure.constraint !== null) parts.push(`constraint ${failure.constraint}`);
  if (failure.column !== null) parts.push(`column ${failure.column}`);
  return parts.join(", ");
}

const tlsCodes = /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;

/** The error a user sees for a statement or a connection that failed. `doing` completes "while ...". */
export function databaseError(error: unknown, doing: string, where: string): MasklineError {
  if (error instanceof MasklineError) return error;
  const failure = databaseFailure(error);
  const text = `while ${doing} (${where}): ${describeFailure(failure)}`;
  const state = failure.sqlState;
  // refusals without a code of their own: two that the driver raises itself, and those of pgbouncer. The text is looked at, not shown.
  const driverText = error instanceof Error ? error.message : "";
  if (driverText.startsWith("The server does not support SSL")) {
    return new MasklineError("database_tls", `the server offers no TLS ${text}`, {
      next: "switch TLS on at the server, or set sink.postgres.tls: off where the network is trusted",
    });
  }
  if (driverText.startsWith("SASL")) {
    return new MasklineError("database_denied", `the database wants a password ${text}`, {
      next: "put user and password into sink.postgres.url",
    });
  }
  if (tlsCodes.test(state)) {
    return new MasklineError("database_tls", `the server's certificate is not trusted ${text}`, {
      next: "set sink.postgres.ca to the file of the authority that signed it, and use the host name it was made for",
    });
  }
  if (state === "28000") {
    return new MasklineError("database_denied", `the database does not let this user in from here ${text}`, {
      next: "check user and database in sink.postgres.url, and whether the server wants encrypted connections (sink.postgres.tls)",
    });
  }
  if (state.startsWith("28")) {
    return new MasklineError("database_denied", `the database refused the user or the password ${text}`, {
      next: "check user and password in sink.postgres.url",
    });
  }
  if (state === "3D000" || /^(no such database|database ".*" does not exist)/.test(driverText)) {
    return new MasklineError("database_missing", `there is no such database ${text}`, {
      next: "check the database's name in sink.postgres.url",
    });
  }
  if (state === "57014") {
    return new MasklineError("database_busy", `the statement took longer than it may ${text}`, {
      next: "look at what keeps the database busy (pg_stat_activity), then run the command again",
    });
  }
  if (state === "42501") {
    return new MasklineError("database_denied", `the database user lacks a right ${text}`, {
      next: "grant it: SECURITY.md lists the rights that running, looking and migrating need",
    });
  }
  switch (failure.failureClass) {
    case "retry":
      return new MasklineError("database_busy", `the database asked to try again ${text}`, { next: "run the command again" });
    case "outage":
      return new MasklineError("database_unreachable", `the database cannot be used now ${text}`, {
        next: "check that it runs and that sink.postgres.url names its host and port",
      });
    case "row":
    case "misfit":
      return new MasklineError("database_refused", `the database refused a statement ${text}`, {
        next: "run `maskline check --connect`",
      });
  }
}
