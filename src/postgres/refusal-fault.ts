import type { Fault } from "../contract/fault.ts";
import { type DatabaseFailure, describeFailure } from "./error-classes.ts";

/** What is told of a message whose row the database does not take: names and codes, no value. */
export function refusalFault(failure: DatabaseFailure): Fault {
  return {
    reason: "refused_by_database",
    path: failure.column ?? "",
    expected: failure.constraint === null ? "a row the table accepts" : `constraint ${failure.constraint} holds`,
    found: describeFailure(failure),
  };
}
