/** What a queue does with messages that were received too often. */
export interface RedrivePolicy {
  readonly maxReceiveCount: number | null;
  readonly deadLetterQueue: string | null;
}

const queueArn = /^arn:[\w-]+:sqs:[\w-]*:([\w-]*):([\w.-]+)$/;

/** Reads the queue attribute RedrivePolicy: JSON in which the count is a number or, as older tools write it, a text. */
export function readRedrivePolicy(attribute: string | undefined): RedrivePolicy {
  const none: RedrivePolicy = { maxReceiveCount: null, deadLetterQueue: null };
  let policy: unknown;
  try {
    policy = JSON.parse(attribute ?? "null");
  } catch {
    return none;
  }
  if (typeof policy !== "object" || policy === null) return none;
  const target: unknown = Reflect.get(policy, "deadLetterTargetArn");
  const most = Number(Reflect.get(policy, "maxReceiveCount"));
  if (typeof target !== "string" || !queueArn.test(target) || !Number.isSafeInteger(most) || most < 1) return none;
  return { maxReceiveCount: most, deadLetterQueue: target };
}

/** Account and name in `arn:aws:sqs:eu-west-1:111122223333:orders-dead`. */
export function readQueueArn(arn: string): { readonly account: string; readonly name: string } {
  const [, account = "", name = arn] = queueArn.exec(arn) ?? [];
  return { account, name };
}
