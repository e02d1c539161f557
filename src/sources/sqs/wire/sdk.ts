import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from "@aws-sdk/client-sqs";

import { type AdmitAnswer, readAdmitted } from "../admitted-answer.ts";
import type { CallDeadline } from "../call-deadline.ts";
import { type ClientOptions, sqsClient } from "../client.ts";
import type { Action, Calls, Wire } from "./wire.ts";

/** The AWS SDK's client, in either protocol. */
export class SdkWire implements Wire {
  readonly client: SQSClient;

  constructor(options: ClientOptions, protocol: "json" | "query") {
    this.client = sqsClient(options, protocol);
  }

  async send<A extends Action>(
    action: A,
    input: Calls[A]["input"],
    deadline: CallDeadline,
    admit?: AdmitAnswer,
  ): Promise<Calls[A]["output"]> {
    const options = { abortSignal: deadline.signal };
    const calls: { readonly [Name in Action]: (input: Calls[Name]["input"]) => Promise<Calls[Name]["output"]> } = {
      ReceiveMessage: (request) => {
        const command = new ReceiveMessageCommand(request);
        if (admit !== undefined) admitAnswers(command, admit, deadline);
        return this.client.send(command, options);
      },
      DeleteMessageBatch: (request) => this.client.send(new DeleteMessageBatchCommand(request), options),
      ChangeMessageVisibilityBatch: (request) => this.client.send(new ChangeMessageVisibilityBatchCommand(request), options),
      GetQueueAttributes: (request) => this.client.send(new GetQueueAttributesCommand(request), options),
    };
    return calls[action](input);
  }

  close(): void {
    this.client.destroy();
  }
}

/** Lets each try of the call wait for admission between the head of its answer and the body; the call's time stands still meanwhile. */
function admitAnswers(command: ReceiveMessageCommand, admit: AdmitAnswer, deadline: CallDeadline): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      await readAdmitted(result.response, async (length) => {
        deadline.pause();
        const admitted = await admit(length);
        deadline.start();
        return admitted;
      });
      return result;
    },
    // the lowest of this step stands next to the wire: it sees the answer before anyone has read it
    { step: "deserialize", priority: "low", name: "admitAnswers", override: true },
  );
}
