/** Every type and every mask, over fields that a login event could have: what fuzzed bodies are read by. */
export const fuzzConfiguration = `
source: { sqs: { queue: QUEUE, region: us-east-1, wait_seconds: 1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.fuzzed } }
limits: { refused: null, share: null, body_bytes: 65536 }
columns:
  message_id: { from: $message_id, type: text, required: true }
  user_id: { type: text, max: 128, required: true }
  device_type: { type: text, max: 32, required: true }
  locale: { type: text, max: 32, default: none }
  logins: { type: integer }
  score: { type: number }
  trusted: { type: boolean }
  app_version: { type: version, as: packed }
  born: { type: date }
  seen_at: { from: seen.at, type: timestamp }
  account: { from: account, type: uuid, required: false, mask: { kind: siv, domain: fuzz.account } }
  ip: { type: ip, mask: { kind: siv, domain: fuzz.ip } }
  ip_crypt: { from: ip, type: ip, mask: { kind: ipcrypt, domain: fuzz.ip.crypt } }
  ip_prefix: { from: ip, type: ip, mask: { kind: ipcrypt-pfx, domain: fuzz.ip.prefix } }
  ip_part: { from: ip, type: ip, mask: { kind: partial } }
  mail: { type: email, required: false, mask: { kind: hmac, domain: fuzz.mail } }
  mail_part: { from: mail, type: email, required: false, mask: { kind: partial } }
  mail_none: { from: mail, type: email, required: false, mask: { kind: "null" } }
  device_id: { type: text, max: 40, mask: { kind: siv, domain: fuzz.device, encode: pad16 } }
  device_cmac: { from: device_id, type: text, max: 40, mask: { kind: cmac, domain: fuzz.device.cmac } }
  device_redacted: { from: device_id, type: text, mask: { kind: redact } }
  ssn: { type: text, required: false, mask: { kind: ff1, domain: fuzz.ssn, template: "###-##-####" } }
  seen_month: { from: seen.at, type: timestamp, required: false, mask: { kind: generalise, to: month } }
  notes: { type: text, required: false, scan: [ip, email, uuid, ssn-shape, card, { name: badge, pattern: "B[0-9]{4,}" }], mask: { kind: siv, domain: fuzz.notes } }
  details:
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv, domain: fuzz.ip } }
      people.*.mail: { type: email, mask: { kind: hmac, domain: fuzz.mail } }
`;

/** A device type that the contract takes and the table does not: then the database is who refuses. */
export const refusedByTable = "toaster";

export const fuzzTable: string = `CREATE TABLE fuzzed (
  message_id text NOT NULL, user_id varchar(128) NOT NULL, device_type varchar(32) CHECK (device_type <> '${refusedByTable}'), locale varchar(32),
  logins bigint, score numeric, trusted boolean, app_version integer, born date, seen_at timestamptz,
  account text, ip text, ip_crypt text, ip_prefix text, ip_part text, mail text, mail_part text, mail_none text,
  device_id text, device_cmac text, device_redacted text, ssn text, seen_month timestamptz, notes text, details jsonb)`;
