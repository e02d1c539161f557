import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

const logEveryMs = 60_000;

/** Where a command speaks: data to stdout, everything else to stderr. Colour and progress lines only on a terminal. */
export class Output {
  readonly json: boolean;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;
  #progressShown = false;
  #loggedAtMs: number = performance.now();

  constructor(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream, json: boolean) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.json = json;
  }

  /** Whether the voice goes to a terminal. */
  get interactive(): boolean {
    return this.#stderr.isTTY;
  }

  /** Whether the data goes to a terminal. */
  get dataOnTerminal(): boolean {
    return this.#stdout.isTTY;
  }

  /** How many characters a line of data may have: those of the terminal; null where there is none. */
  get dataWidth(): number | null {
    return this.#stdout.isTTY ? this.#stdout.columns || 80 : null;
  }

  /** A line of data. */
  data(line: string = ""): void {
    this.#clearProgress();
    this.#stdout.write(`${line}\n`);
  }

  /** Data in bulk; resolves when there is room for more. */
  async stream(data: string | Uint8Array): Promise<void> {
    this.#clearProgress();
    if (this.#stdout.write(data) || this.#stdout.destroyed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    // `close` too: a reader that has gone away makes no more room
    for (const event of ["drain", "close"]) this.#stdout.once(event, resolve);
    await promise;
    for (const event of ["drain", "close"]) this.#stdout.off(event, resolve);
  }

  /** The one JSON document of `--json`. */
  document(value: unknown): void {
    this.data(JSON.stringify(value));
  }

  /** A line of the voice. */
  say(line: string = ""): void {
    this.#clearProgress();
    this.#stderr.write(`${line}\n`);
  }

  /** Replaces the progress line. Where there is no terminal a line now and then, so that a log shows life. */
  progress(line: string): void {
    if (!this.interactive) {
      if (performance.now() - this.#loggedAtMs < logEveryMs) return;
      this.#loggedAtMs = performance.now();
      this.#stderr.write(`${line}\n`);
      return;
    }
    this.#stderr.write(`\r\u001B[K${line.slice(0, (this.#stderr.columns || 80) - 1)}`);
    this.#progressShown = true;
  }

  style(style: Style, text: string, stream: "data" | "voice" = "voice"): string {
    const target = stream === "data" ? this.#stdout : this.#stderr;
    return target.isTTY && process.env["NO_COLOR"] === undefined ? styleText(style, text, { validateStream: false }) : text;
  }

  #clearProgress(): void {
    if (!this.#progressShown) return;
    this.#stderr.write("\r\u001B[K");
    this.#progressShown = false;
  }
}
