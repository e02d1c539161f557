import { MasklineError } from "../errors.ts";

/** A fault of ours: where it arose, but not its text, which may hold anything. */
export function internalFault(error: unknown): MasklineError {
  const { message = "", stack = "" } = error instanceof Error ? error : {};
  // the stack begins with the message, and a line of that may look like a frame
  const frames = stack
    .slice(Math.max(0, stack.indexOf(message)) + message.length)
    .split("\n")
    .filter((line) => /^\s+at /.test(line));
  return new MasklineError("internal", `a fault of maskline itself (${error instanceof Error ? error.name : typeof error})`, {
    details: frames.slice(0, 6).map((line) => line.trim()),
    next: "please report these lines; they hold no data",
  });
}
