import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import { placedMasks } from "../../src/app/config/configured-column.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, type ReversibleMask } from "../../src/masks/mask.ts";
import { openSurrogates } from "../../src/masks/scan/open-surrogates.ts";
import { documentOf, failed, jsonError, maskline, succeeded } from "../cli/expect.ts";
import { readKeyRingFile } from "../harness/ring-file.ts";
import { openWorkspace, type Servers, startServers, type Workspace } from "../harness/workspace.ts";

const config = (device: string): string => `
source: { sqs: { queue: QUEUE, region: us-east-1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: tickets } }
columns:
  id: { type: text, required: true }
  details:
    type: json
    paths:
      client.ip:     { type: ip, mask: { kind: siv, domain: login.ip } }
      client.device: { type: text, mask: { kind: ${device}, domain: login.device } }
  notes: { type: text, max: 100, scan: [ip, email], mask: { kind: siv, domain: support.notes } }
`;
const table = "CREATE TABLE tickets (id text PRIMARY KEY, details jsonb, notes varchar(9000) NOT NULL)";

function ticket(n: number): { id: string; details: object; notes: string } {
  const ip = `192.0.2.${n % 9}`;
  const details = { client: { ip, device: `device ${n % 5}`, port: 443 }, tags: [n] };
  return { id: `ticket ${n}`, details, notes: `user${n}@example.com called from ${ip}` };
}

let servers: Servers;
before(async () => {
  servers = await startServers();
});
after(() => servers?.stop());

suite("a rotation where all tokens stand inside values", () => {
  let place: Workspace;
  let first: number;
  before(async () => {
    place = await openWorkspace(servers, { config: config("siv"), table });
    first = (await ring(place)).primaryId;
  });
  after(() => place?.close());
  const call = (...args: readonly string[]): ReturnType<typeof maskline> => maskline(place.folder, args);

  test("before rekey the old key is not disabled: every column that holds its tokens is named", { timeout: 120_000 }, async () => {
    await loadTickets(place, 0, 20);
    succeeded(await call("keys", "rotate"));
    await loadTickets(place, 20, 10);
    const plan = documentOf(succeeded(await call("keys", "rekey", "--dry-run", "--json"))) as {
      counts: { column: string; keyId: number; rows: number }[];
    };
    const second = (await ring(place)).primaryId;
    assert.deepEqual(
      plan.counts.map(({ column, keyId, rows }) => [column, keyId, rows]),
      ["details", "notes"].flatMap((column) => [
        [column, first, 20],
        [column, second, 10],
      ]),
    );
    const error = jsonError(await call("keys", "disable", String(first), "--json"));
    assert.equal(error.code, "key_in_use");
    assert.deepEqual(
      error.details,
      ["details", "notes"].map((column) => `20 rows of public.tickets, column ${column}, hold tokens of key ${first}`),
    );
  });

  test("after rekey and the end of the old key every token opens, to what it was made of", { timeout: 120_000 }, async () => {
    assert.match(succeeded(await call("keys", "rekey")).stderr, /20 rows were changed/);
    succeeded(await call("keys", "disable", String(first)));
    succeeded(await call("keys", "destroy", String(first), "--yes"));
    const left = await ring(place);
    const rows = await place.database.query<{ id: string; details: { client: { ip: string; device: string } }; notes: string }>(
      "reading",
      "SELECT id, details, notes FROM tickets",
    );
    assert.equal(rows.length, 30);
    const open = (domain: string, token: string): unknown => maskOf(place, left, domain).open([token])[0];
    for (const { id, details, notes } of rows) {
      const expected = ticket(Number(id.slice("ticket ".length)));
      const { ip, device, ...rest } = details.client;
      const opened = { ip: open("login.ip", ip), device: open("login.device", device), ...rest };
      const plain = (expected.details as { client: { ip: string; device: string; port: number } }).client;
      assert.deepEqual(opened, { ...plain, ip: { value: plain.ip }, device: { value: plain.device } });
      const [text] = openSurrogates(maskOf(place, left, "support.notes"), [notes]);
      assert.deepEqual(text, { text: expected.notes, opened: 2, left: 0 });
    }
    await loadTickets(place, 30, 2);
  });
});

test("a mask inside a document whose tokens do not say their key has to be pinned first, and holds that key", async () => {
  const place = await openWorkspace(servers, { config: config("hmac"), table });
  try {
    await loadTickets(place, 0, 5);
    const { primaryId: first } = await ring(place);
    const option = "columns.details.paths.client.device.mask";
    const refused = jsonError(await maskline(place.folder, ["keys", "rotate", "--json"]));
    assert.equal(refused.code, "key_unpinned");
    assert.deepEqual(refused.details, [`${option}: add key: ${first} beside kind: hmac`]);

    const pinned = (await readFile(place.file, "utf8")).replace("kind: hmac", `kind: hmac, key: ${first}`);
    await writeFile(place.file, pinned, { mode: 0o600 });
    succeeded(await maskline(place.folder, ["keys", "rotate"]));
    succeeded(await maskline(place.folder, ["keys", "rekey"]));
    const held = jsonError(await maskline(place.folder, ["keys", "disable", String(first), "--json"]));
    assert.equal(held.code, "key_in_use");
    assert.deepEqual(held.details, [`${option} of maskline.yaml names it: key: ${first}`]);

    // the contract may forget it; the database does not
    await writeFile(place.file, pinned.replace(/.*client\.device.*\n/, ""), { mode: 0o600 });
    failed(await maskline(place.folder, ["keys", "disable", String(first)]), {
      code: "key_in_use",
      says: new RegExp(`tokens of public.tickets, column details, were made with key ${first} and do not say so`),
      next: /keep this key/,
    });
  } finally {
    await place.close();
  }
});

async function loadTickets(place: Workspace, from: number, count: number): Promise<void> {
  await place.send(Array.from({ length: count }, (_, i) => JSON.stringify(ticket(from + i))));
  const { code, stderr } = await place.maskline("run", "--max-messages", String(count));
  assert.equal(code, 0, stderr);
}

function ring({ folder }: Workspace): Promise<KeyRing> {
  return readKeyRingFile(path.join(folder, "keyring.json"));
}

function maskOf({ settings }: Workspace, keys: KeyRing, domain: string): ReversibleMask {
  const definition = settings.columns.flatMap(placedMasks).find(({ mask }) => mask.domain === domain)?.mask;
  assert.ok(definition !== undefined);
  const mask = createMask(definition, keys.domainKeys(definition.kind, domain));
  assert.ok(canOpen(mask));
  return mask;
}
