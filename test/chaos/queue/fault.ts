/** An answer that says no, as AWS names it. */
export class QueueFault extends Error {
  /** The JSON protocol's name. */
  readonly code: string;
  /** The Query protocol's name, which the JSON protocol tells in a header. */
  readonly queryCode: string;
  readonly status: number;

  constructor(code: string, message: string, { queryCode = code, status = 400 }: { queryCode?: string; status?: number } = {}) {
    super(message);
    this.code = code;
    this.queryCode = queryCode;
    this.status = status;
  }
}

export function invalidValue(name: string, value: unknown, reason: string): QueueFault {
  return new QueueFault("InvalidParameterValue", `Value ${String(value)} for parameter ${name} is invalid. Reason: ${reason}`);
}

export function missingParameter(name: string): QueueFault {
  return new QueueFault("MissingParameter", `The request must contain the parameter ${name}.`);
}

/** Codes that the Query protocol has under this name before them. */
export function serviceFault(code: string, message: string): QueueFault {
  return new QueueFault(code, message, { queryCode: `AWS.SimpleQueueService.${code}` });
}
