import { readFileSync } from "node:fs";

import { suggest } from "../app/config/suggest.ts";
import { exitCodes, MasklineError } from "../errors.ts";
import { Call, parseFlags } from "./command.ts";
import { type CommandEntry, commands } from "./commands.ts";
import { keepCompiled } from "./compile-cache.ts";
import { commandHelp, overview } from "./help.ts";
import { internalFault } from "./internal-fault.ts";
import { Output } from "./output.ts";

/** Ctrl-C reaches a process twice when both the terminal and a parent pass it on: only a later one is a second wish. */
const secondSignalAfterMs = 1_000;

/** What a finished command leaves behind, a request that a key service does not answer, is not waited for any longer. */
const leftoversMs = 500;

process.exitCode = await main(process.argv.slice(2));
// unref'd: it comes only where something still holds the process, and not before what was said has been read
// oxlint-disable-next-line unicorn/no-process-exit -- the command is over, and its exit code set
setInterval(() => process.stdout.writableLength + process.stderr.writableLength === 0 && process.exit(), leftoversMs).unref();

async function main(args: readonly string[]): Promise<number> {
  keepCompiled(process.env);
  const output = new Output(process.stdout, process.stderr, args.includes("--json"));
  // A reader that goes away (`| head`) ends the output, not the work.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  // The last net: what nobody caught is told as a fault of ours, without its text.
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    // oxlint-disable-next-line unicorn/no-process-exit -- the process is in a state that nobody foresaw
    process.on(event, (error: unknown) => process.exit(fail(error, output)));
  }
  try {
    await dispatch(args, output);
    return exitCodes.done;
  } catch (error) {
    return fail(error, output);
  }
}

async function dispatch(args: readonly string[], output: Output): Promise<void> {
  const [first, second] = args;
  if (first === "help" && second !== undefined) return dispatch([...args.slice(1), "--help"], output);
  if (first === undefined || first === "--help" || first === "-h" || first === "help") return output.data(overview());
  if (first === "--version" || first === "version") return output.data(version());
  const entry = findCommand(first, second);
  const command = await entry.load();
  const rest = args.slice(entry.name.split(" ").length);
  if (rest.includes("--help") || rest.includes("-h")) return output.data(commandHelp(entry, command));
  try {
    const parsed = parseFlags(command, rest);
    const stop = command.stopsInOrder === true ? stopOnSignal(output) : new AbortController().signal;
    await command.run(new Call(parsed, output, process.env, stop));
  } catch (error) {
    if (!(error instanceof MasklineError) || error.code !== "usage" || error.next !== undefined) throw error;
    throw new MasklineError("usage", `${entry.name}: ${error.message}`, { next: `maskline ${entry.name} --help` });
  }
}

function findCommand(first: string, second: string | undefined): CommandEntry {
  const entry = commands.find(({ name }) => name === first || name === `${first} ${second ?? ""}`);
  if (entry) return entry;
  if (first.startsWith("-"))
    throw new MasklineError("usage", "the command comes first, its flags follow", { next: "maskline --help" });
  const family = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (family.length > 0)
    throw new MasklineError("usage", `"${first}" needs one of: ${family.join(", ")}`, { next: "maskline --help" });
  const near = suggest(
    first,
    commands.map(({ name }) => name),
  );
  throw new MasklineError("usage", `there is no command "${first}"`, {
    next: near === null ? "maskline --help" : `maskline ${near}`,
  });
}

function stopOnSignal(output: Output): AbortSignal {
  const stopping = new AbortController();
  let firstAtMs = 0;
  const onSignal = (): void => {
    if (firstAtMs === 0) {
      firstAtMs = Date.now();
      output.say("stopping in order; once more to stop at once (nothing is lost: what is not settled comes again)");
      stopping.abort();
    } else if (Date.now() - firstAtMs > secondSignalAfterMs) {
      // oxlint-disable-next-line unicorn/no-process-exit -- asked for twice
      process.exit(exitCodes.interrupted);
    }
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return stopping.signal;
}

function fail(error: unknown, output: Output): number {
  const shown = error instanceof MasklineError ? error : internalFault(error);
  if (output.json) {
    const { code, message, details, next, retryable } = shown;
    output.document({ error: { code, message, details, next: next ?? null, retryable } });
  } else {
    output.say(`${output.style("red", "maskline:")} ${shown.message}`);
    for (const detail of shown.details) output.say(`  ${detail}`);
    if (shown.next !== undefined) output.say(`${output.style("bold", "next:")} ${shown.next}`);
  }
  return shown.exitCode;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null ? String(Reflect.get(manifest, "version")) : "";
}
