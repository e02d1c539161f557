import { type ChildProcess, fork } from "node:child_process";
import { availableParallelism } from "node:os";

import { exitCodes, errorCodes, MasklineError } from "../errors.ts";
import type { Call, Flag } from "./command.ts";
import { askPassphrase, canAsk } from "./passphrase.ts";
import { shareVariable, type Told, type ToldError, type ToldPassphrase } from "./process-share.ts";

export const processFlags: Readonly<Record<string, Flag>> = {
  processes: { value: "N", doc: "so many processes side by side, each a run of its own; auto: one a core (default: 1)" },
};

const mostProcesses = 64;

export function processCount(call: Call): number {
  const text = call.text("processes");
  if (text === null) return 1;
  if (text === "auto") return Math.min(mostProcesses, availableParallelism());
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= mostProcesses) return count;
  throw new MasklineError("usage", `--processes takes a number from 1 to ${mostProcesses}, or auto`);
}

/** What comes of several processes while they work. */
export interface ProcessesReport {
  /** Of the first of them: what is known before the work. */
  readonly ready: (start: unknown) => void;
  readonly told: (told: Extract<Told, { kind: "event" | "advanced" }>) => void;
}

/** Of what a process that was lost said last, so much is shown. */
const lastWordsLength = 2_000;

/** Of several failures the one that somebody has to do something about; the others mostly follow from it. */
const severity: readonly (keyof typeof exitCodes)[] = [
  "tripped",
  "misfit",
  "usage",
  "failed",
  "outage",
  "unfinished",
  "interrupted",
  "done",
];

/**
 * Runs this very command in several processes, and answers with the totals of each. Stops are handed on. When one fails or is lost, the
 * others are stopped in order, and the worst failure is the failure of all: a supervisor starts all again.
 * @throws MasklineError that of a process, or `process_lost`
 */
export async function inProcesses(call: Call, count: number, report: ProcessesReport): Promise<readonly unknown[]> {
  let answer: Promise<string> | null = null;
  const ask = canAsk() ? (): Promise<string> => (answer ??= askPassphrase()) : null;
  const shares = Array.from({ length: count }, (_, index) => new Share({ call, index, count, report, ask }));
  const stopAll = (): void => {
    for (const share of shares) share.stop();
  };
  call.stop.addEventListener("abort", stopAll, { once: true });
  if (call.stop.aborted) stopAll();
  try {
    const ended = await Promise.all(shares.map((share) => share.ended.finally(() => share.failure !== null && stopAll())));
    const failures = shares.flatMap(({ failure }) => failure ?? []);
    const [worst] = failures.sort((one, other) => rankOf(one) - rankOf(other));
    if (worst === undefined) return ended;
    if (worst.code === "process_lost") for (const { lastWords } of shares) if (lastWords !== "") call.output.say(lastWords);
    throw worst;
  } finally {
    call.stop.removeEventListener("abort", stopAll);
  }
}

function rankOf({ code }: MasklineError): number {
  return severity.indexOf(errorCodes[code].exit);
}

interface ShareParts {
  readonly call: Call;
  readonly index: number;
  readonly count: number;
  readonly report: ProcessesReport;
  /** Null where nobody can be asked. */
  readonly ask: (() => Promise<string>) | null;
}

/** One of the processes, from the outside. */
class Share {
  readonly #parts: ShareParts;
  readonly #child: ChildProcess;
  /** Its totals, if it told any. Never fails. */
  readonly ended: Promise<unknown>;
  failure: MasklineError | null = null;
  #totals: unknown = null;
  #hasEnded = false;
  #stderr = "";

  constructor(parts: ShareParts) {
    const { call, index, count, ask } = parts;
    this.#parts = parts;
    const place = [index, count, process.pid, ask === null ? "asks-not" : "asks"].join("/");
    // arguments as they are: no secret may be among them
    const [, entry = "", ...args] = process.argv;
    this.#child = fork(entry, args, {
      env: { ...call.environment, [shareVariable]: place },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-lastWordsLength);
    });
    this.#child.on("message", (message) => this.#hear(message as Told));
    // what it told last may come after its end
    const silent = new Promise((resolve) => this.#child.once("disconnect", resolve));
    this.ended = new Promise((resolve) => {
      this.#child.once("error", () => resolve(this.#end("could not be started")));
      this.#child.once("close", (code, signal) => {
        void silent.then(() => resolve(this.#end(signal === null ? `exit code ${code}` : signal)));
      });
    });
  }

  /** What it said before it was lost. */
  get lastWords(): string {
    return this.failure?.code === "process_lost" ? this.#stderr.trimEnd() : "";
  }

  stop(): void {
    this.#child.kill("SIGTERM");
  }

  #hear(told: Told): void {
    const { index, report } = this.#parts;
    switch (told.kind) {
      case "ready":
        if (index === 0) report.ready(told.start);
        return;
      case "event":
      case "advanced":
        return report.told(told);
      case "passphrase":
        return void this.#answer();
      case "ended":
        this.#totals = told.totals;
        this.#hasEnded = true;
        return;
      case "failed":
        this.failure = asError(told.error);
    }
  }

  async #answer(): Promise<void> {
    const passphrase = await Promise.resolve(this.#parts.ask?.()).catch(() => undefined);
    this.#child.send({ passphrase: passphrase ?? null } satisfies ToldPassphrase, () => {});
  }

  #end(how: string): unknown {
    if (!this.#hasEnded && this.failure === null) {
      this.failure = new MasklineError(
        "process_lost",
        `one of the processes ended without a word (${how}); the others were stopped in order`,
        {
          next: "run it again; nothing is lost",
        },
      );
    }
    return this.#totals;
  }
}

function asError({ code, message, next, details }: ToldError): MasklineError {
  return new MasklineError(code, message, { details, ...(next === null ? {} : { next }) });
}
