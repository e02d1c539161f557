import { Readable } from "node:stream";

/**
 * Asked when the head of an answer is there, before its body is read from the socket. Resolves when there is room for a body of `length`
 * bytes (null: the server did not say), or answers at once where there is. Rejects where there will be none in time: the answer is then
 * dropped unread.
 */
export type AdmitAnswer = (length: number | null) => Admitted | Promise<Admitted>;

export interface Admitted {
  /** A body that is longer after all ends the call. */
  readonly mostBytes: number;
  readonly tooLong: () => void;
}

export class AnswerTooLong extends Error {
  override readonly name = "AnswerTooLong";
}

/** An answer that is no success says little; what is longer is not read. */
export const errorAnswer: Admitted = { mostBytes: 1_048_576, tooLong: () => {} };

/** Waits for admission, then reads the body as a whole. What is not read holds the sender back: the socket has a small buffer only. */
export async function readAdmitted(response: unknown, admit: AdmitAnswer): Promise<void> {
  if (!isAnswer(response) || !(response.body instanceof Readable)) return;
  const { body, headers, statusCode } = response;
  // a connection that breaks while its answer waits is noticed when it is read
  body.on("error", ignore);
  const length = lengthIn(headers["content-length"]);
  try {
    const isSuccess = statusCode >= 200 && statusCode < 300;
    const admitted = isSuccess ? await admit(length) : errorAnswer;
    const whole = await readWhole(body, admitted.mostBytes);
    if (whole === null) {
      admitted.tooLong();
      throw new AnswerTooLong();
    }
    response.body = whole;
  } catch (error) {
    body.destroy();
    throw error;
  }
}

/** Null where the header does not say it. */
export function lengthIn(header: string | readonly string[] | undefined): number | null {
  return typeof header === "string" && /^\d{1,15}$/.test(header) ? Number(header) : null;
}

interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
}

function isAnswer(response: unknown): response is Answer {
  return typeof response === "object" && response !== null && "statusCode" in response && "headers" in response;
}

/** Null when it is longer. */
async function readWhole(body: Readable, mostBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes > mostBytes) return null;
  }
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
}

const ignore = (): void => {};
