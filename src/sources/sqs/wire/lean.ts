import { setTimeout as pause } from "node:timers/promises";

import { isExpired, sdkError } from "../../../aws/sdk-error.ts";
import type { AdmitAnswer } from "../admitted-answer.ts";
import type { CallDeadline } from "../call-deadline.ts";
import type { ClientOptions } from "../client.ts";
import { checkMessages } from "./checksums.ts";
import { CallFailure, readObject } from "./failure.ts";
import { type HttpAnswer, HttpCall } from "./http-call.ts";
import { HttpPool } from "./http-pool.ts";
import { Identity } from "./identity.ts";
import { isBroken, Retries, type Retry } from "./retries.ts";
import { ServerClock } from "./server-clock.ts";
import { type Credentials, Signer } from "./signer.ts";
import { type Action, type Calls, mostTries, type Wire } from "./wire.ts";

const path = "/";
const contentType = "application/x-amz-json-1.0";

/**
 * SQS's JSON protocol and nothing else: a call is one request from one buffer, signed with what is kept from the last one, and its answer
 * is read whole and parsed once. It costs a tenth of what the SDK's client does, and does for its calls what that does.
 */
export class LeanWire implements Wire {
  readonly #host: string;
  readonly #pool: HttpPool;
  readonly #identity: Identity;
  readonly #clock = new ServerClock();
  readonly #retries = new Retries();
  readonly #requests = new Map<Action, Request>();

  constructor(options: ClientOptions) {
    const { origin, host } = new URL(options.url);
    this.#host = host;
    this.#pool = new HttpPool(origin, options.timeoutMs);
    this.#identity = new Identity(options, process.env);
  }

  async send<A extends Action>(
    action: A,
    input: Calls[A]["input"],
    deadline: CallDeadline,
    admit?: AdmitAnswer,
  ): Promise<Calls[A]["output"]> {
    const body = JSON.stringify(input);
    let retry: Retry | null = null;
    for (let tries = 1; ; tries += 1) {
      const credentials = this.#identity.current() ?? (await deadline.within(this.#identity.load()));
      const signedAtMs = this.#clock.now();
      try {
        const answer = await this.#post(action, body, credentials, signedAtMs, deadline, admit);
        this.#retries.wentWell(retry);
        return read(action, answer);
      } catch (error) {
        if (error instanceof CallFailure && isExpired(sdkError(error))) this.#identity.refuse(credentials);
        const isCorrected = this.#clock.corrects(error, signedAtMs);
        retry = tries < mostTries && !deadline.isOver ? this.#retries.next(error, isCorrected) : null;
        if (retry === null) throw error;
        await deadline.within(pause(retry.pauseMs));
      }
    }
  }

  close(): void {
    this.#pool.close();
    this.#identity.close();
  }

  async #post(
    action: Action,
    body: string,
    credentials: Credentials,
    signedAtMs: number,
    deadline: CallDeadline,
    admit: AdmitAnswer | undefined,
  ): Promise<HttpAnswer> {
    const pool = this.#pool.opened ?? (await deadline.within(this.#pool.open()));
    const { signer, headers } = this.#request(action);
    const { date, authorization } = signer.sign(credentials, signedAtMs, body);
    const all = [...headers, "x-amz-date", date, "authorization", authorization];
    if (credentials.sessionToken !== undefined) all.push("x-amz-security-token", credentials.sessionToken);
    const call = new HttpCall(deadline, admit ?? null);
    deadline.ends(call);
    pool.dispatch({ path, method: "POST", headers: all, body }, call);
    try {
      const answer = await call.answered;
      if (answer.status < 200 || answer.status > 299) throw new CallFailure(answer);
      return answer;
    } catch (error) {
      if (isBroken(error)) this.#pool.retire(pool);
      throw error;
    } finally {
      deadline.ends(null);
    }
  }

  #request(action: Action): Request {
    let request = this.#requests.get(action);
    if (request === undefined) {
      request = new Request(action, this.#host, this.#identity.region);
      this.#requests.set(action, request);
    }
    return request;
  }
}

/** What all requests of one action share. */
class Request {
  readonly signer: Signer;
  /** Names and values in turn. */
  readonly headers: readonly string[];

  constructor(action: Action, host: string, region: string) {
    const signed = {
      "content-type": contentType,
      "x-amz-target": `AmazonSQS.${action}`,
      // errors by their older names too, as the SDK asks for
      "x-amzn-query-mode": "true",
    };
    this.signer = new Signer({ method: "POST", host, path, region, service: "sqs", headers: signed });
    this.headers = [...Object.entries(signed).flat(), "user-agent", "maskline"];
  }
}

function read<A extends Action>(action: A, answer: HttpAnswer): Calls[A]["output"] {
  const output = readObject(answer.body);
  if (output === null) throw new CallFailure(answer);
  if (action === "ReceiveMessage") {
    const { Messages: messages }: Calls["ReceiveMessage"]["output"] = output;
    if (messages !== undefined) checkMessages(messages);
  }
  return output;
}
