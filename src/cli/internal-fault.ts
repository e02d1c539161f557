import { MasklineError } from "../errors.ts";

/** A fault of ours: where it arose, but not its text, which may hold anything. */
export function internalFault(error: unknown): MasklineError {
  const { message = "", stack = "" } = error instanceof Error ? error : {};
  // The stack begins with the message, and a line of that may look like a frame. A message that was changed later is not found there:
  // then nothing of the stack is shown.
  const start = stack.indexOf(message);
  const trace = start === -1 ? "" : stack.slice(start + message.length);
  const frames = trace.split("\n").filter((line) => /^\s+at /.test(line));
  return new MasklineError("internal", `a fault of maskline itself (${error instanceof Error ? error.name : typeof error})`, {
    details: frames.slice(0, 6).map((line) => line.trim()),
    next: "please report these lines; they hold no data",
  });
}
