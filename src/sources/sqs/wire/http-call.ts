import type { Dispatcher } from "undici";

import { type Admitted, type AdmitAnswer, AnswerTooLong, errorAnswer, lengthIn } from "../admitted-answer.ts";
import { CallAborted, type CallDeadline, type Ending } from "../call-deadline.ts";

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** An answer, read as a whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** One request under way: what its connection says becomes one answer. */
export class HttpCall implements Dispatcher.DispatchHandler, Ending, HttpAnswer {
  readonly #deadline: CallDeadline;
  readonly #admit: AdmitAnswer | null;
  readonly #answered: PromiseWithResolvers<HttpAnswer> = Promise.withResolvers();
  #controller: Dispatcher.DispatchController | null = null;
  #admitted: Admitted | null = null;
  /** An answer that waits for admission is not over before that has been decided: what was reserved for it would be nobody's. */
  #isWaiting = false;
  #failure: Error | null = null;
  #first: Buffer | null = null;
  #more: Buffer[] | null = null;
  #bytes = 0;
  status = 0;
  headers: Headers = {};

  constructor(deadline: CallDeadline, admit: AdmitAnswer | null) {
    this.#deadline = deadline;
    this.#admit = admit;
  }

  get answered(): Promise<HttpAnswer> {
    return this.#answered.promise;
  }

  get body(): string {
    if (this.#first === null) return "";
    return (this.#more === null ? this.#first : Buffer.concat([this.#first, ...this.#more], this.#bytes)).toString();
  }

  abort(): void {
    this.#fail(new CallAborted());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // given up while it waited for a connection
    if (this.#failure !== null) controller.abort(this.#failure);
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Headers): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    if (status >= 300) this.#admitted = errorAnswer;
    else if (this.#admit !== null) this.#askFor(this.#admit, controller);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#admitted !== null && this.#bytes > this.#admitted.mostBytes) {
      this.#admitted.tooLong();
      this.#fail(new AnswerTooLong());
    } else if (this.#first === null) this.#first = chunk;
    else (this.#more ??= []).push(chunk);
  }

  onResponseEnd(): void {
    this.#answered.resolve(this);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
  }

  #askFor(admit: AdmitAnswer, controller: Dispatcher.DispatchController): void {
    const admitted = admit(lengthIn(this.headers["content-length"]));
    if (admitted instanceof Promise) void this.#waitFor(admitted, controller);
    else this.#admitted = admitted;
  }

  /** What is not read holds the sender back; the call's time stands still meanwhile. */
  async #waitFor(admission: Promise<Admitted>, controller: Dispatcher.DispatchController): Promise<void> {
    this.#isWaiting = true;
    controller.pause();
    this.#deadline.pause();
    try {
      this.#admitted = await admission;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new CallAborted();
    }
    this.#isWaiting = false;
    if (this.#failure !== null) return this.#fail(this.#failure);
    this.#deadline.start();
    controller.resume();
  }

  #fail(failure: Error): void {
    this.#failure ??= failure;
    this.#controller?.abort(this.#failure);
    if (!this.#isWaiting) this.#answered.reject(this.#failure);
  }
}
