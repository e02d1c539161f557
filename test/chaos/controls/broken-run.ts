import { loadSettings } from "../../../src/app/config/load.ts";
import { run, type RunRequest } from "../../../src/app/run.ts";

/**
 * Runs the pipeline of the maskline.yaml in this folder as `maskline run --json` does, until SIGTERM, with parts of it broken on purpose:
 * the bench must find each of these programs out.
 */
export async function brokenRun(parts: Pick<RunRequest, "wrapSource" | "wrapSink">): Promise<void> {
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  const environment = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const settings = loadSettings({ file: "maskline.yaml", environment, overrides: [] });
  const request: RunRequest = { drain: false, idleMs: null, maxMessages: Infinity, report: () => {}, onReady: () => {}, ...parts };
  const totals = await run(settings, request, stop.signal);
  process.stdout.write(`${JSON.stringify(totals)}\n`);
}
