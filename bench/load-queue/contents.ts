import { createHash } from "node:crypto";

import type { Backlog } from "./backlog.ts";
import type { Fate } from "./bodies.ts";
import { HexWords } from "./hex-words.ts";
import { mix } from "./mixing.ts";

/** What the messages of a queue say, by their number. */
export interface Contents {
  idOf(index: number): string;
  sentAtMs(index: number): number;
  /** `"MD5OfBody":…,"Body":…` as an answer has it. */
  wireOf(index: number): string;
  comesTwice(index: number): boolean;
}

/** Those of a backlog, with all bodies written as JSON before the first is asked for. */
export class BacklogContents implements Contents {
  readonly #backlog: Backlog;
  readonly #wires: Readonly<Record<Fate, readonly string[]>>;

  constructor(backlog: Backlog) {
    this.#backlog = backlog;
    const wires = (fate: Fate): readonly string[] => backlog.pool[fate].map(({ body }) => wireOf(body, md5(body)));
    this.#wires = { row: wires("row"), broken: wires("broken"), refused: wires("refused") };
  }

  idOf(index: number): string {
    return this.#backlog.idOf(index);
  }

  sentAtMs(index: number): number {
    return this.#backlog.sentAtMs(index);
  }

  wireOf(index: number): string {
    const fate = this.#backlog.fateOf(index);
    return this.#wires[fate][this.#backlog.placeInPool(index, fate)] as string;
  }

  comesTwice(index: number): boolean {
    return this.#backlog.comesTwice(index);
  }
}

/** Those that were sent. */
export class SentContents implements Contents {
  readonly #hex: HexWords;
  readonly #wires: string[] = [];
  readonly #sentAtMs: number[] = [];
  readonly #salt: number;

  constructor(hex: HexWords, salt: number) {
    this.#hex = hex;
    this.#salt = salt;
  }

  /** @returns the MD5 of the body */
  add(body: string): string {
    const digest = md5(body);
    this.#wires.push(wireOf(body, digest));
    this.#sentAtMs.push(Date.now());
    return digest;
  }

  idOf(index: number): string {
    return `${this.#hex.eight(mix(index))}-0000-4000-8000-${this.#hex.eight(mix(this.#salt))}0000`;
  }

  sentAtMs(index: number): number {
    return this.#sentAtMs[index] ?? 0;
  }

  wireOf(index: number): string {
    return this.#wires[index] ?? "";
  }

  comesTwice(): boolean {
    return false;
  }
}

function wireOf(body: string, digest: string): string {
  return `"MD5OfBody":"${digest}","Body":${asciiJson(body)}`;
}

function md5(body: string): string {
  return createHash("md5").update(body).digest("hex");
}

/** JSON that is all ASCII: its length is that of its bytes. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
