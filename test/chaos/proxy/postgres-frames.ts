/** A moment on the wire; it is before the bytes it belongs to. */
export interface Moment {
  readonly kind: "statement" | "before_commit" | "after_commit";
  /** The statement, as the client wrote it. */
  readonly text: string;
}

/** Bytes to relay, and what they begin with where that is a moment. */
export interface Segment {
  readonly moment: Moment | null;
  readonly bytes: Buffer;
}

/** Cuts one direction of a connection at its moments. */
export interface Frames {
  push(chunk: Buffer): readonly Segment[];
}

/** For a protocol that is not looked into. */
export const unframed: Frames = { push: (bytes) => [{ moment: null, bytes }] };

const sslRequest = 80_877_103;
const gssRequest = 80_877_104;
const endsInCommit = /(?:^|;)\s*(?:commit|end)(?:\s+(?:work|transaction))?\s*;?\s*$/i;

/** What both directions of a connection know of each other. */
interface Shared {
  /** Answers of one byte that are still to come: the client has asked for encryption. */
  bareAnswers: number;
  /** The connection is encrypted; nothing more is seen. */
  opaque: boolean;
  commitText: string;
}

/** What is known of a message: it is a moment or not, or more of it must be there to tell. */
type Look = (type: number, message: Buffer, length: number) => Moment | "more" | null;

/** The two directions of a PostgreSQL connection (protocol 3.0, "Message Formats"). */
export function postgresFrames(): { readonly toServer: Frames; readonly toClient: Frames } {
  const shared: Shared = { bareAnswers: 0, opaque: false, commitText: "" };
  return { toServer: clientFrames(shared), toClient: serverFrames(shared) };
}

function clientFrames(shared: Shared): Frames {
  const statements = new Map<string, string>();
  let started = false;
  const asked = (text: string): Moment => {
    const commits = endsInCommit.test(text);
    if (commits) shared.commitText = text;
    return { kind: commits ? "before_commit" : "statement", text };
  };
  const look: Look = (type, message, length) => {
    switch (String.fromCharCode(type)) {
      case "Q":
        return message.length < length ? "more" : asked(texts(message, 1)?.[0] ?? "");
      case "P": {
        if (message.length < length) return "more";
        const [name = "", text = ""] = texts(message, 2) ?? [];
        statements.set(name, text);
        return null;
      }
      case "B": {
        const names = texts(message, 2);
        return names === null ? "more" : asked(statements.get(names[1] ?? "") ?? "");
      }
      default:
        return null;
    }
  };
  return new MessageFrames(shared, look, (data) => {
    // the first message of a connection has no type, and so have those that ask for encryption before it
    if (started) return 0;
    if (data.length < 8) return "more";
    const code = data.readInt32BE(4);
    if (code === sslRequest || code === gssRequest) shared.bareAnswers += 1;
    else started = true;
    return data.readInt32BE(0);
  });
}

function serverFrames(shared: Shared): Frames {
  const look: Look = (type, message, length) => {
    if (type !== "C".charCodeAt(0)) return null;
    if (message.length < length) return "more";
    return texts(message, 1)?.[0] === "COMMIT" ? { kind: "after_commit", text: shared.commitText } : null;
  };
  return new MessageFrames(shared, look, (data) => {
    if (shared.bareAnswers === 0) return 0;
    shared.bareAnswers -= 1;
    shared.opaque = data[0] !== "N".charCodeAt(0);
    return 1;
  });
}

/** The first texts of a message, each ended by a zero; null while they are not all there. */
function texts(message: Buffer, count: number): readonly string[] | null {
  const found: string[] = [];
  let start = 5;
  while (found.length < count) {
    const end = message.indexOf(0, start);
    if (end === -1) return null;
    found.push(message.toString("utf8", start, end));
    start = end + 1;
  }
  return found;
}

class MessageFrames implements Frames {
  readonly #shared: Shared;
  readonly #look: Look;
  readonly #untyped: (data: Buffer) => number | "more";
  /** The beginning of a message of which more must be there. */
  #held: Buffer = Buffer.alloc(0);
  /** Bytes of a message that has been looked at already. */
  #left = 0;

  /** @param untyped how many bytes stand here that are no typed message; 0 for none */
  constructor(shared: Shared, look: Look, untyped: (data: Buffer) => number | "more") {
    this.#shared = shared;
    this.#look = look;
    this.#untyped = untyped;
  }

  push(chunk: Buffer): readonly Segment[] {
    const data = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const segments: Segment[] = [];
    let moment: Moment | null = null;
    let start = 0;
    let at = 0;
    for (;;) {
      const passing = Math.min(this.#left, data.length - at);
      at += passing;
      this.#left -= passing;
      if (at === data.length) break;
      const found = this.#next(data.subarray(at));
      if (found === "more") break;
      if (found === null) continue;
      if (at > start) segments.push({ moment, bytes: data.subarray(start, at) });
      moment = found;
      start = at;
    }
    if (at > start) segments.push({ moment, bytes: data.subarray(start, at) });
    this.#held = data.subarray(at);
    return segments;
  }

  /** Looks at the message that begins here, and lets it pass. */
  #next(data: Buffer): Moment | "more" | null {
    if (this.#shared.opaque) {
      this.#left = data.length;
      return null;
    }
    const untyped = this.#untyped(data);
    if (untyped === "more") return "more";
    if (untyped > 0) {
      this.#left = untyped;
      return null;
    }
    if (data.length < 5) return "more";
    const length = data.readInt32BE(1) + 1;
    const found = this.#look(data[0] as number, data.subarray(0, length), length);
    if (found !== "more") this.#left = length;
    return found;
  }
}
