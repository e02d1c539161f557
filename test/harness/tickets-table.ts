import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";

import type pg from "pg";

import { placedMasks } from "../../src/app/config/configured-column.ts";
import type { Settings } from "../../src/app/config/load.ts";
import { createMasks } from "../../src/app/masks.ts";
import { insideColumns, ringName, taggedColumns, tokenColumns } from "../../src/app/tagged-columns.ts";
import { addRoot } from "../../src/keys/ring-changes.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import { createMask } from "../../src/masks/create-mask.ts";
import { canOpen, type ReversibleMask } from "../../src/masks/mask.ts";
import type { Database } from "../../src/postgres/database.ts";
import { PostgresKeyUse } from "../../src/postgres/key-use.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { PostgresRekey } from "../../src/postgres/rekey.ts";
import { announceKeys, readStanding } from "../../src/postgres/ring-keys.ts";
import { registerTokenColumns } from "../../src/postgres/token-columns.ts";
import type { RekeyStore } from "../../src/recovery/rekey-store.ts";
import { rekey, type RekeyResult } from "../../src/recovery/rekey.ts";
import type { RekeyColumn } from "../../src/recovery/remask.ts";
import { load } from "./configuration.ts";
import { atOnce } from "./rotating-table.ts";

const config = `
sink: { postgres: { url: "postgresql://localhost/none", table: tickets } }
columns:
  ip:      { type: ip, required: false, mask: { kind: siv, domain: login.ip } }
  details: &json
    type: json
    paths:
      client.ip: { type: ip, mask: { kind: siv, domain: login.ip } }
      "users.*": { type: text, mask: { kind: siv, domain: user } }
      old:       { type: text, mask: { kind: hmac, domain: old } }
  exact:   *json
  stored:  *json
  notes:   { type: text, scan: [ip, email], mask: { kind: siv, domain: "notes %" } }
`;
/** The columns with tokens, in the order of the table. */
export const ticketColumns = ["ip", "details", "exact", "stored", "notes"] as const;

/** Beside what the mask writes: what PostgreSQL would not give back, had a document been read and written again. */
const padded = (document: string): string => document.replace("{", '{ "n" : 12345678901234567890.10, "n": 1e2, ');

/** A table with tokens in every kind of place, under a ring that is rotated. */
export class Tickets {
  readonly database: Database;
  readonly admin: pg.Client;
  settings: Settings = load(config);
  readonly rings: KeyRing[] = [createKeyRing(randomBytes)];

  constructor(database: Database, admin: pg.Client) {
    this.database = database;
    this.admin = admin;
  }

  async open(): Promise<this> {
    await this.admin.query(`DROP TABLE IF EXISTS tickets; DROP DOMAIN IF EXISTS note; DROP SCHEMA IF EXISTS maskline CASCADE;
      CREATE DOMAIN note AS varchar(900) CHECK (VALUE <> 'no note');
      CREATE TABLE tickets (id integer PRIMARY KEY, ip text, details jsonb, exact json, stored text, notes note)`);
    await migrate(this.database, "maskline");
    await this.announce();
    return this;
  }

  get ring(): KeyRing {
    return this.rings.at(-1) as KeyRing;
  }

  get use(): PostgresKeyUse {
    return new PostgresKeyUse(this.database, "maskline", ringName(this.ring));
  }

  async announce(): Promise<void> {
    const { ring } = this;
    await announceKeys(this.database, "maskline", ringName(ring), ring.primaryId, ring.keys);
    await registerTokenColumns(this.database, "maskline", tokenColumns(this.settings, ring));
  }

  async rotate(): Promise<void> {
    this.rings.push(addRoot(this.ring, randomBytes));
    // hmac does not say its key: the contract names the one it was made with, as a rotation asks for
    const pinned = config.replace("domain: old }", `domain: old, key: ${this.rings[0]?.primaryId} }`);
    this.settings = load(pinned);
    await this.announce();
  }

  /** Rows as a load would write them. */
  async load(ids: readonly number[]): Promise<void> {
    const masks = createMasks(this.settings.columns, this.ring);
    for (const id of ids) {
      const plain = valuesOf(id);
      const values = masks.map(({ mask }, i) => mask?.apply([plain[i] as string])[0] ?? null);
      values[2] = padded(values[2] as string);
      await this.admin.query("INSERT INTO tickets VALUES ($1, $2, $3, $4, $5, $6)", [id, ...values]);
    }
  }

  async columns(): Promise<{ readonly whole: readonly RekeyColumn[]; readonly all: readonly RekeyColumn[] }> {
    const { settings, ring } = this;
    const standing = await readStanding(this.database, "maskline", ringName(ring));
    const whole = taggedColumns(createMasks(settings.columns, ring), ring, standing).filter((column) => column !== null);
    return { whole, all: [...whole, ...insideColumns(settings.columns, ring, standing)] };
  }

  async rekey(columns?: readonly RekeyColumn[], wrap: (store: RekeyStore) => RekeyStore = (store) => store): Promise<RekeyResult> {
    const { database, ring } = this;
    const walked = columns ?? (await this.columns()).all;
    const table = { schema: "public", table: "tickets" };
    const options = { schema: "maskline", table, ring: ringName(ring), run: randomUUID(), columns: walked };
    return rekey(wrap(new PostgresRekey(database, options)), this.use, walked, ring.primaryId, atOnce);
  }

  async rows(): Promise<readonly Record<(typeof ticketColumns)[number] | "id", string>[]> {
    const texts = ticketColumns.map((name) => `${name}::text AS ${name}`).join(", ");
    return (
      await this.admin.query<Record<(typeof ticketColumns)[number] | "id", string>>(`SELECT id, ${texts} FROM tickets ORDER BY id`)
    ).rows;
  }

  /** Opens tokens of the newest key, and of no other. */
  mask(domain: string): ReversibleMask {
    const definition = this.settings.columns.flatMap(placedMasks).find(({ mask }) => mask.domain === domain)?.mask;
    assert.ok(definition !== undefined);
    const { primary } = this.ring.domainKeys(definition.kind, domain);
    const mask = createMask(definition, { primary, known: [primary] });
    assert.ok(canOpen(mask));
    return mask;
  }
}

/** What comes in for a row, by column. */
export function valuesOf(id: number): readonly string[] {
  const ip = `192.0.2.${id % 7}`;
  const document = JSON.stringify({ client: { ip }, users: [`user ${id}`, null, "Zoë"], old: "x", rest: [id, "{{pii:"] });
  return [ip, document, document, document, `user${id}@example.com, again from ${ip} {{pii: and ${ip}`];
}
