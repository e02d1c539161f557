import { randomBytes } from "node:crypto";

import { sealing } from "../../src/app/assemble-keys.ts";
import { openSink } from "../../src/app/assemble-sink.ts";
import type { Settings } from "../../src/app/config/load.ts";
import { createMasks, preparation } from "../../src/app/masks.ts";
import type { Governed } from "../../src/app/recovery/governance.ts";
import { grantOptions } from "../../src/app/recovery/grants.ts";
import { vaulting } from "../../src/app/vault.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { auditKeys } from "../../src/keys/audit-keys.ts";
import type { MaskKeys } from "../../src/keys/mask-keys.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import type { Batch, Delivery, Settlement } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { PostgresGovernance } from "../../src/postgres/recovery/governance.ts";
import { grantStatements } from "../../src/postgres/recovery/grants-script.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import { otherwise, ownDatabase } from "../postgres/databases.ts";
import { load as loadSettings } from "./configuration.ts";
import { connect, makeDelivery, position } from "./login-table.ts";

let runs = 0;
let roles = 0;

/** Every row names its subject; addresses and devices are kept in the vault. */
export const vaultColumnsText = `columns:
  user_id: { type: text, max: 128, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: vault, domain: login.ip, subject: user_id } }
  masked_device: { from: device, type: text, max: 40, required: false, mask: { kind: vault, domain: login.device, subject: user_id } }
`;

/** A database of its own with a table whose originals are kept in the vault, and what loads it. */
export class VaultTable {
  readonly url: string;
  readonly database: Database;
  readonly settings: Settings;
  readonly ring: KeyRing;

  static async create(server: Pick<PostgresServer, "url">, columns: string = vaultColumnsText): Promise<VaultTable> {
    const url = await ownDatabase(server.url, "vault");
    const database = connect(url, 12);
    await database.query("creating", "CREATE TABLE logins (user_id text, masked_ip text, masked_device text)");
    await migrate(database, "maskline");
    return new VaultTable(url, database, loadSettings(`sink: { postgres: { url: "${url}", table: public.logins } }\n${columns}`));
  }

  readonly #sessions: Database[] = [];

  private constructor(url: string, database: Database, settings: Settings) {
    this.url = url;
    this.database = database;
    this.settings = settings;
    this.ring = createKeyRing(randomBytes);
  }

  /** A login role with these grants (`ROLE` in them is its name), and a session of it. */
  async role(grants: readonly string[]): Promise<{ readonly name: string; readonly database: Database }> {
    roles += 1;
    const name = `vault_role_${roles}`;
    await this.database.query("creating", `CREATE ROLE ${name} LOGIN PASSWORD '${name}'`);
    for (const sql of grants) await this.database.query("granting", sql.replaceAll("ROLE", name));
    const database = connect(otherwise(this.url, { user: name, password: name }));
    this.#sessions.push(database);
    return { name, database };
  }

  /** A member of one of the roles that `migrate --grants` makes, and of nothing else. */
  async member(role: string): Promise<{ readonly name: string; readonly database: Database }> {
    for (const sql of grantStatements(grantOptions(this.settings, "maskline"))) await this.database.query("granting", sql);
    return this.role([`GRANT maskline_${role} TO ROLE`]);
  }

  /** @param ring the full one, if not said @param database whose session; the owner's, if not said */
  async loader(ring: MaskKeys = this.ring, database: Database = this.database): Promise<VaultLoader> {
    const masked = createMasks(this.settings.columns, ring);
    const sink = await openSink(this.settings, ring, masked, database);
    const openVault = vaulting(this.settings, ring, masked);
    if (openVault === null) throw new TypeError("the contract has a vault");
    const inner = preparation(this.settings, masked);
    const openSeal = sealing(this.settings, ring);
    runs += 1;
    const run = `7a1f7c1e-0000-4000-8000-${String(runs).padStart(12, "0")}`;
    let sequence = 0;
    const batchOf = (deliveries: readonly Delivery[]): Batch => {
      sequence += 1;
      const at = position({ run, sequence, received: deliveries.length });
      return { ...inner.prepare(deliveries), position: at, seal: openSeal(), vault: openVault() };
    };
    return { sink, batchOf, load: async (bodies) => sink.load(batchOf(bodies.map(deliveryOf))) };
  }

  async count(table: string, where: string = "true"): Promise<number> {
    const [row] = await this.database.query<{ n: number }>("counting", `SELECT count(*)::int AS n FROM ${table} WHERE ${where}`);
    return row?.n ?? -1;
  }

  async tokensOf(user: string, column: string = "masked_ip"): Promise<readonly string[]> {
    const rows = await this.database.query<{ token: string }>(
      "reading",
      `SELECT DISTINCT ${column} AS token FROM logins WHERE user_id = $1 AND ${column} IS NOT NULL ORDER BY 1`,
      [user],
    );
    return rows.map(({ token }) => token);
  }

  /** The way back for whoever has this session (the database's owner, if not said), once the policy lets them erase. */
  async governed(name: string = "", database: Database = this.database): Promise<Governed> {
    const keys = auditKeys(this.ring);
    const [owner] = await this.database.query<{ name: string }>("looking", "SELECT current_user::text AS name");
    const role = database === this.database ? owner?.name : name;
    await this.database.query(
      "allowing",
      "INSERT INTO maskline.policy (role, domain, action) VALUES ($1, '*', 'erase') ON CONFLICT DO NOTHING",
      [role],
    );
    return {
      settings: this.settings,
      ring: this.ring,
      keys,
      database,
      schema: "maskline",
      governance: new PostgresGovernance(database, "maskline", keys, null, () => {}),
    };
  }

  /** What must never be there: a link without an original, or an original that is nobody's. */
  async orphans(): Promise<{ readonly links: number; readonly originals: number }> {
    return {
      links: await this.count("maskline.vault_link LEFT JOIN maskline.vault USING (domain, token)", "vault.sealed IS NULL"),
      originals: await this.count(
        "maskline.vault LEFT JOIN maskline.vault_link USING (domain, token)",
        "vault_link.subject IS NULL",
      ),
    };
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) await session.close();
    await this.database.close();
  }
}

export interface VaultLoader {
  readonly sink: PostgresSink;
  batchOf(deliveries: readonly Delivery[]): Batch;
  load(bodies: readonly object[]): Promise<readonly Settlement[]>;
}

export function deliveryOf(body: object): Delivery {
  return makeDelivery({ body: JSON.stringify(body) });
}

/** A login as the vault's table takes it. */
export function loginOf(user: string, ip: string, device?: string): object {
  return { user_id: user, ip, ...(device === undefined ? {} : { device }) };
}
