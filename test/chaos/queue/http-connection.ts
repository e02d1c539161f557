import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

import type { WireAnswer } from "./json-wire.ts";

/** A request as SQS needs it. */
export interface HttpRequest {
  readonly path: string;
  /** The header x-amz-target. */
  readonly target: string | null;
  readonly body: string;
}

interface Head {
  readonly path: string;
  readonly target: string | null;
  readonly length: number;
  readonly closes: boolean;
}

const longestHead = 65_536;
const headEnd = "\r\n\r\n";

/**
 * One connection of HTTP/1.1, as far as SQS clients use it: bodies with a Content-Length, one request at a time. Written by hand because
 * it is at the bottom of every measurement: node:http costs twice the time of a call.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #handle: (request: HttpRequest) => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #head: Head | null = null;
  /** A request is being answered. */
  #busy = false;

  constructor(socket: Socket, handle: (request: HttpRequest) => void) {
    this.#socket = socket;
    this.#handle = handle;
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      this.#next();
    });
  }

  answer({ status, contentType, body, headers = {} }: WireAnswer): void {
    if (!this.#busy || this.#socket.destroyed) return;
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\ncontent-type: ${contentType}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    this.#socket.write(`${head}\r\n${body}`);
    this.#busy = false;
    if (this.#head?.closes === true) this.#socket.end();
    this.#head = null;
    if (this.#bytes > 0) this.#next();
  }

  #next(): void {
    if (this.#busy) return;
    this.#head ??= this.#readHead();
    if (this.#head === null || this.#bytes < this.#head.length) return;
    const { path, target, length } = this.#head;
    const data = this.#all();
    this.#keep(data.subarray(length));
    this.#busy = true;
    this.#handle({ path, target, body: data.toString("utf8", 0, length) });
  }

  #readHead(): Head | null {
    const data = this.#all();
    const end = data.indexOf(headEnd);
    if (end === -1) {
      this.#keep(data);
      if (data.length > longestHead) this.#socket.resetAndDestroy();
      return null;
    }
    const text = data.toString("latin1", 0, end);
    this.#keep(data.subarray(end + headEnd.length));
    const [, path = "/"] = text.slice(0, text.indexOf("\r\n")).split(" ");
    const length = headerOf(text, contentLength);
    if (headerOf(text, expect)?.toLowerCase() === "100-continue") this.#socket.write(`HTTP/1.1 100 Continue${headEnd}`);
    const closes = headerOf(text, connection)?.toLowerCase() === "close";
    // a body of a length that is not told (RFC 9112, 6.3) is none of SQS's clients'
    return { path, target: headerOf(text, amzTarget), length: Number(length ?? 0), closes };
  }

  #all(): Buffer {
    const [only] = this.#chunks;
    const data = this.#chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#bytes = 0;
    return data;
  }

  #keep(rest: Buffer): void {
    if (rest.length === 0) return;
    this.#chunks.push(rest);
    this.#bytes += rest.length;
  }
}

const contentLength = /\r\ncontent-length: *(\d+)/i;
const amzTarget = /\r\nx-amz-target: *([^\s]+)/i;
const expect = /\r\nexpect: *([^\s]+)/i;
const connection = /\r\nconnection: *([^\s]+)/i;

function headerOf(head: string, header: RegExp): string | null {
  return header.exec(head)?.[1] ?? null;
}
