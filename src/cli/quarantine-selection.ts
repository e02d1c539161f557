import { suggest } from "../app/config/suggest.ts";
import { reasons } from "../contract/fault.ts";
import { MasklineError } from "../errors.ts";
import type { Selection } from "../postgres/recovery/quarantine-selection.ts";
import type { Call, Flag } from "./command.ts";

/** How the path of a body as a whole is shown, and may be written. */
export const wholeBody = "(body)";

export const selectionFlags: Readonly<Record<string, Flag>> = {
  "reason-code": { value: "CODE", doc: "those refused for this reason, as maskline quarantine list shows it" },
  path: { value: "PATH", doc: `those whose first fault is of this field; ${wholeBody} for the body as a whole` },
  all: { doc: "all of the pipeline" },
};

/** Which messages a command is about: ids, or all that the flags fit. @throws MasklineError `usage` where nothing says which */
export function selectionOf(call: Call): Selection {
  const [reason, path] = [call.text("reason-code"), call.text("path")];
  const ids = call.operands.length === 0 ? null : [...new Set(call.operands)];
  const next = "maskline quarantine list shows reasons, fields and an id of each";
  if (reason !== null && !Object.hasOwn(reasons, reason)) {
    const near = suggest(reason, Object.keys(reasons));
    throw new MasklineError("usage", `there is no such reason code${near === null ? "" : `; did you mean ${near}?`}`, { next });
  }
  if (call.has("all") && (ids !== null || reason !== null || path !== null))
    throw new MasklineError("usage", "--all stands alone: ids, --reason-code and --path say which", { next });
  if (!call.has("all") && ids === null && reason === null && path === null)
    throw new MasklineError("usage", "names no message: ids, --reason-code CODE, --path PATH or --all say which", { next });
  return { ids, reason, path: path === wholeBody ? "" : path };
}

/** Told of ids that were named and are not there: they may have left the quarantine before. */
export function missingInWords(missing: readonly string[]): string {
  const shown = missing.slice(0, 3).join(", ");
  return `not in the quarantine (any more): ${shown}${missing.length > 3 ? ` and ${missing.length - 3} more` : ""}`;
}
