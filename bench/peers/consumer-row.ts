import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";

import type { Message } from "@aws-sdk/client-sqs";

/** One parameter for each column of the table, in its order. */
export type Row = readonly (string | number | null)[];

export const columns: readonly string[] = [
  "user_id",
  "device_type",
  "masked_ip",
  "masked_device_id",
  "locale",
  "app_version",
  "create_date",
];

interface Login {
  readonly user_id: string;
  readonly device_type: string;
  readonly ip: string;
  readonly device_id: string;
  readonly locale: string | null;
  readonly app_version: string;
}

/** Any secret of the right length: these peers have one key and no ring. */
export function readSecret(keyRing: string): Buffer {
  return createHash("sha256").update(readFileSync(keyRing)).digest();
}

/** As an application would write it: the fields are believed to be there, and a mask is `createHmac`. */
export function readRow({ Body: body = "", Attributes: attributes }: Message, secret: Buffer): Row {
  const login = JSON.parse(body) as Login;
  const mask = (value: string): string => createHmac("sha256", secret).update(value).digest("base64url");
  return [
    login.user_id,
    login.device_type,
    mask(login.ip),
    mask(login.device_id),
    login.locale,
    Number.parseInt(login.app_version, 10),
    new Date(Number(attributes?.SentTimestamp)).toISOString().slice(0, 10),
  ];
}
