import { createHmac, hash } from "node:crypto";

/** What a request is signed with. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** What all requests of one kind share. */
export interface RequestForm {
  readonly method: string;
  /** Host and, where it is not the scheme's own, port: as in the header. */
  readonly host: string;
  readonly path: string;
  readonly region: string;
  readonly service: string;
  /** Signed beside host, date and token; names in lower case, values without spaces at their ends. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The headers that a signature adds. */
export interface Signature {
  /** x-amz-date */
  readonly date: string;
  readonly authorization: string;
}

const algorithm = "AWS4-HMAC-SHA256";
const blockBytes = 64;
const digestBytes = 32;

/**
 * AWS Signature Version 4 (IAM user guide, "Create a signed AWS API request") for requests that differ in their body only. All that stays
 * the same for a second or a day is put together once: a signature costs four one-shot hashes.
 */
export class Signer {
  readonly #form: RequestForm;
  readonly #key = new HmacSha256();
  #credentials: Credentials | null = null;
  #second = Number.NaN;
  #date = "";
  /** The canonical request up to the hash of the body, and the string to sign up to the hash of that. */
  #canonicalHead = "";
  #stringHead = "";
  #authorizationHead = "";
  #day = "";

  constructor(form: RequestForm) {
    this.#form = form;
  }

  sign(credentials: Credentials, nowMs: number, body: string): Signature {
    const second = Math.floor(nowMs / 1_000);
    if (second !== this.#second || credentials !== this.#credentials) this.#prepare(credentials, second);
    const canonical = hash("sha256", this.#canonicalHead + hash("sha256", body, "hex"), "hex");
    return { date: this.#date, authorization: this.#authorizationHead + this.#key.hex(this.#stringHead + canonical) };
  }

  #prepare(credentials: Credentials, second: number): void {
    const { method, host, path, region, service, headers } = this.#form;
    const date = new Date(second * 1_000).toISOString().replace(/[:-]|\.\d{3}/g, "");
    const day = date.slice(0, 8);
    if (day !== this.#day || credentials !== this.#credentials) {
      this.#key.use(signingKey(credentials.secretAccessKey, day, region, service));
    }
    const { sessionToken } = credentials;
    const signed = { ...headers, host, "x-amz-date": date, ...(sessionToken ? { "x-amz-security-token": sessionToken } : {}) };
    // by code point, as the specification says; a locale would order otherwise
    const lines = Object.entries(signed).sort(([one], [other]) => (one < other ? -1 : 1));
    const names = lines.map(([name]) => name).join(";");
    const scope = `${day}/${region}/${service}/aws4_request`;
    this.#canonicalHead = `${method}\n${path}\n\n${lines.map(([name, value]) => `${name}:${value}\n`).join("")}\n${names}\n`;
    this.#stringHead = `${algorithm}\n${date}\n${scope}\n`;
    this.#authorizationHead = `${algorithm} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=`;
    this.#credentials = credentials;
    this.#second = second;
    this.#date = date;
    this.#day = day;
  }
}

/** The key for a day, a region and a service, derived from a secret key. */
export function signingKey(secretAccessKey: string, day: string, region: string, service: string): Buffer {
  let key = Buffer.from(`AWS4${secretAccessKey}`);
  for (const part of [day, region, service, "aws4_request"]) key = createHmac("sha256", key).update(part).digest();
  return key;
}

/** HMAC-SHA-256 (RFC 2104) of short ASCII texts under one key of 32 bytes: two one-shot hashes cost half of what an Hmac object does. */
class HmacSha256 {
  #inner: Buffer = Buffer.alloc(0);
  readonly #outer: Buffer = Buffer.alloc(blockBytes + digestBytes);

  use(key: Uint8Array): void {
    if (key.length !== digestBytes) throw new RangeError(`a signing key has ${digestBytes} bytes`);
    this.#inner = padded(key, 0x36, 512);
    padded(key, 0x5c, blockBytes).copy(this.#outer);
  }

  hex(text: string): string {
    if (blockBytes + text.length > this.#inner.length) this.#inner = Buffer.concat([this.#inner, Buffer.alloc(text.length)]);
    const length = blockBytes + this.#inner.write(text, blockBytes, "latin1");
    this.#outer.write(hash("sha256", this.#inner.subarray(0, length), "hex"), blockBytes, "hex");
    return hash("sha256", this.#outer, "hex");
  }
}

/** The key over so many bytes, each of the first 64 changed by `pad`. */
function padded(key: Uint8Array, pad: number, bytes: number): Buffer {
  const block = Buffer.alloc(bytes);
  block.fill(pad, 0, blockBytes);
  key.forEach((byte, place) => (block[place] = byte ^ pad));
  return block;
}
