import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";

import { folderWith, maskline, succeeded } from "../cli/expect.ts";
import { findCanaries } from "../harness/canary.ts";

const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

/** Every mask that lets nothing of a value through, over every place a value can stand in. */
const configuration = `
keyring: file:./keyring.json
columns:
  user_id: { type: text, required: true }
  siv: { from: ip, type: ip, mask: { kind: siv, domain: d.ip } }
  hmac: { from: mail, type: email, mask: { kind: hmac, domain: d.mail } }
  cmac: { from: mail, type: email, mask: { kind: cmac, domain: d.mail.cmac, encode: pad16 } }
  ipcrypt: { from: ip, type: ip, mask: { kind: ipcrypt, domain: d.ip.crypt } }
  prefix: { from: ip, type: ip, mask: { kind: ipcrypt-pfx, domain: d.ip.prefix } }
  ff1: { from: ssn, type: text, mask: { kind: ff1, domain: d.ssn, template: "###-##-####" } }
  redact: { from: mail, type: email, mask: { kind: redact } }
  none: { from: mail, type: email, mask: { kind: "null" } }
  constant: { from: mail, type: email, mask: { kind: constant, value: "-" } }
  network: { from: ip, type: ip, mask: { kind: partial } }
  domain: { from: mail, type: email, mask: { kind: partial } }
  legacy: { from: ip, type: ip, mask: { kind: sha256, insecure: true, salt: "\${SALT}" } }
  details:
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv, domain: d.ip } }
      people.*.mail: { type: email, mask: { kind: hmac, domain: d.mail } }
  notes:
    type: text
    scan: [ip, email, uuid, ssn-shape, card, { name: badge, pattern: "CANARY-[0-9a-f]{6}" }]
    mask: { kind: siv, domain: d.notes }
`;

const value = {
  ip: "198.51.100.231",
  mail: "canary.anna@example.org",
  ssn: "593-47-5928",
  uuid: "6f1c0a52-7b1e-4f8e-9d55-c0ffee4711aa",
  card: "4111 1111 1111 1111",
  badge: "CANARY-81f2c5",
};
const canaries = [...Object.values(value), "canary.anna", "593475928", "4111111111111111", "canary-salt-55", "canary-refused-09"];

const event = {
  user_id: "u1",
  ip: value.ip,
  mail: value.mail,
  ssn: value.ssn,
  details: {
    client: { ip: value.ip },
    people: [{ mail: value.mail }, { mail: value.mail.toUpperCase().replace("CANARY.ANNA", "canary.anna") }],
  },
  notes: `call ${value.mail} from ${value.ip}, id ${value.uuid}, ssn ${value.ssn}, card ${value.card}, badge ${value.badge}.`,
};

/** Refused, each in another place. */
const refused = [
  { ...event, ip: "canary-refused-09" },
  { ...event, mail: "canary-refused-09" },
  { ...event, ssn: "canary-refused-09" },
  { ...event, details: { client: { ip: "canary-refused-09" } } },
  { ...event, details: { people: [{ mail: ["canary-refused-09"] }] } },
  { ...event, notes: ["canary-refused-09"] },
];

test("no mask, wherever its value stands, lets a value through to rows or refusals", async (t) => {
  const folder = await folderWith(t, configuration);
  const environment = { PATH: process.env["PATH"] ?? "", HOME: folder, SALT: "canary-salt-55" };
  succeeded(await maskline(folder, ["keys", "create"], { SALT: environment.SALT }));
  const run = (lines: readonly unknown[]): { stdout: string; stderr: string } =>
    spawnSync(process.execPath, [main, "mask", "--skip-refused"], {
      cwd: folder,
      input: lines.map((line) => JSON.stringify(line)).join("\n"),
      encoding: "utf8",
      env: environment,
    });
  const masked = run([event, ...refused]);
  assert.match(masked.stderr, new RegExp(`1 rows, ${refused.length} lines refused`));
  for (const [name, output] of Object.entries({ rows: masked.stdout, refusals: masked.stderr }))
    assert.deepEqual(findCanaries(output, canaries), [], name);
  assert.match(masked.stdout, /call \{\{pii:/, "the text is there, and only what was found is not");

  // what is not masked would be found
  const plain = run([{ ...event, user_id: value.badge }]);
  assert.deepEqual(findCanaries(plain.stdout, [value.badge]).length > 0, true);
});
