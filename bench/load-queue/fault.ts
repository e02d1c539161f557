/** An answer that says no, as AWS names it. */
export class QueueFault extends Error {
  readonly code: string;
  /** The older name, which clients read from a header. */
  readonly queryCode: string;

  constructor(code: string, message: string, queryCode: string = code) {
    super(message);
    this.code = code;
    this.queryCode = queryCode;
  }
}

export function missingParameter(name: string): QueueFault {
  return new QueueFault("MissingParameter", `The request must contain the parameter ${name}.`);
}

export function badHandle(): QueueFault {
  return new QueueFault("ReceiptHandleIsInvalid", "The input receipt handle is invalid.");
}
