import { CallFailure } from "./failure.ts";

/** AWS takes a signature for five minutes before and after its own time. */
const mostSkewMs = 240_000;

/** The time as the server has it: where this machine's clock is off, an error answer tells by how much. */
export class ServerClock {
  #offsetMs = 0;

  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Whether a call that failed was signed with a wrong time; from now on the server's is used. */
  corrects(error: unknown, signedAtMs: number): boolean {
    if (!(error instanceof CallFailure)) return false;
    const { date, age } = error.$response.headers;
    const serverMs = typeof date === "string" ? Date.parse(date) : Number.NaN;
    // what a cache has kept is of another time
    if (Number.isNaN(serverMs) || age !== undefined) return false;
    const offsetMs = serverMs - Date.now();
    if (Math.abs(offsetMs - this.#offsetMs) >= mostSkewMs) this.#offsetMs = offsetMs;
    // a call beside this one may have corrected it meanwhile: the other try is due all the same
    return Math.abs(serverMs - signedAtMs) >= mostSkewMs;
  }
}
