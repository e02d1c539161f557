import { open } from "node:fs/promises";

import type { Incoming } from "../contract/incoming.ts";
import { findUnknownFields, type UnknownFields } from "../contract/unknown-fields.ts";
import { MasklineError } from "../errors.ts";
import type { Settings } from "./config/load.ts";

/** Enough to see what producers send, and little enough to hold. */
const mostLines = 10_000;

export interface UnknownInFile extends UnknownFields {
  /** How many events were read: the first ones of the file. */
  readonly messages: number;
}

/** Counts the fields of events in a file (NDJSON) that no column of the contract reads. */
export async function unknownInFile(settings: Settings, path: string): Promise<UnknownInFile> {
  const events: Incoming[] = [];
  try {
    const file = await open(path);
    try {
      for await (const body of file.readLines()) {
        if (body.trim() === "") continue;
        events.push({ id: "", body, sentAtMs: null, receivedAtMs: 0, groupId: null, attributes: {} });
        if (events.length === mostLines) break;
      }
    } finally {
      await file.close();
    }
  } catch {
    throw new MasklineError("file_unreadable", `${path} cannot be read`, {
      next: "--events names a file with an event on each line",
    });
  }
  return { messages: events.length, ...findUnknownFields(settings.contract, settings.options.identity, events) };
}
