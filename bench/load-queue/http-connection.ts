import type { Socket } from "node:net";

import type { DelayedWrites } from "./delayed-writes.ts";
import type { QueueFault } from "./fault.ts";

const longestHead = 65_536;
const headEnd = "\r\n\r\n";
const contentType = "application/x-amz-json-1.0";

export interface Call {
  /** The header x-amz-target. */
  readonly target: string;
  readonly body: Buffer;
}

/**
 * One connection of HTTP/1.1, as far as SQS clients use it: bodies with a Content-Length, one answer at a time. Written for one thing: a
 * request that comes in one piece costs a few microseconds.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #handle: (connection: HttpConnection, call: Call) => void;
  readonly #writes: DelayedWrites;
  /** What has come and was not read. */
  #rest: Buffer | null = null;
  /** A request is being answered: the next one waits. */
  #busy = false;
  #closes = false;

  constructor(socket: Socket, writes: DelayedWrites, handle: (connection: HttpConnection, call: Call) => void) {
    this.#socket = socket;
    this.#writes = writes;
    this.#handle = handle;
  }

  /** Reads requests from now on. */
  listen(): void {
    this.#socket.on("data", (chunk: Buffer) => {
      const data = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#rest = data;
      if (!this.#busy) this.#read(data);
    });
  }

  get isGone(): boolean {
    return this.#socket.destroyed;
  }

  /** @param json in ASCII only */
  answer(json: string): void {
    this.#writes.add(this, `HTTP/1.1 200 OK\r\n${this.#headers(json.length)}\r\n${json}`);
  }

  refuse(fault: QueueFault): void {
    const json = JSON.stringify({ __type: `com.amazonaws.sqs#${fault.code}`, message: fault.message });
    const told = `x-amzn-query-error: ${fault.queryCode};Sender\r\n`;
    this.#writes.add(this, `HTTP/1.1 400 Bad Request\r\n${told}${this.#headers(json.length)}\r\n${json}`);
  }

  /** For the queue of delayed writes: the answer's time has come. */
  write(text: string): void {
    if (this.isGone) return;
    this.#socket.write(text, "latin1");
    this.#busy = false;
    if (this.#closes) this.#socket.end();
    else if (this.#rest !== null) this.#read(this.#rest);
  }

  #headers(length: number): string {
    return `x-amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nDate: ${this.#writes.date}\r\nContent-Type: ${contentType}\r\nContent-Length: ${length}\r\n`;
  }

  #read(data: Buffer): void {
    const end = data.indexOf(headEnd);
    if (end === -1) {
      if (data.length > longestHead) this.#socket.resetAndDestroy();
      return;
    }
    const head = data.toString("latin1", 0, end);
    const from = end + headEnd.length;
    const until = from + Number(headerOf(head, contentLength) ?? 0);
    if (data.length < until) {
      // told once: the rest comes with the next chunk
      if (data.length === from && expectsLeave.test(head)) this.#socket.write(`HTTP/1.1 100 Continue${headEnd}`);
      return;
    }
    this.#rest = data.length === until ? null : data.subarray(until);
    this.#closes = wantsClose.test(head);
    this.#busy = true;
    this.#handle(this, { target: headerOf(head, amzTarget) ?? "", body: data.subarray(from, until) });
  }
}

const contentLength = /\r\ncontent-length: *(\d+)/i;
const amzTarget = /\r\nx-amz-target: *([^\s]+)/i;
const expectsLeave = /\r\nexpect: *100-continue/i;
const wantsClose = /\r\nconnection: *close/i;

function headerOf(head: string, header: RegExp): string | null {
  return header.exec(head)?.[1] ?? null;
}
