import { randomBytes } from "node:crypto";

import type pg from "pg";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { type AuditKeys, auditKeys } from "../../src/keys/audit-keys.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import type { Database } from "../../src/postgres/database.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { PostgresGovernance } from "../../src/postgres/recovery/governance.ts";
import type { ActFacts } from "../../src/recovery/audit-entry.ts";
import type { TellHead } from "../../src/recovery/ports.ts";
import { otherwise, ownDatabase, plainClient } from "../postgres/databases.ts";
import { connect } from "./login-table.ts";

/** A database of its own with maskline's schema, people who may log in, and what a policy gives them. */
export class GovernedDatabase {
  readonly schema = "maskline";
  readonly url: string;
  /** As the superuser. */
  readonly admin: pg.Client;
  readonly ring: KeyRing = createKeyRing(randomBytes);
  readonly #open: Database[] = [];

  static async create(server: PostgresServer): Promise<GovernedDatabase> {
    const url = await ownDatabase(server.url, "governed");
    const database = connect(url);
    await migrate(database, "maskline");
    await database.close();
    return new GovernedDatabase(url, await plainClient(url));
  }

  private constructor(url: string, admin: pg.Client) {
    this.url = url;
    this.admin = admin;
  }

  get keys(): AuditKeys {
    return auditKeys(this.ring);
  }

  /** A login role that may call the functions of the way back, and nothing else. */
  async person(name: string): Promise<void> {
    await this.admin.query(
      `DO $$ BEGIN CREATE ROLE ${name} LOGIN PASSWORD '${name}'; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
    );
    await this.admin.query(
      `GRANT USAGE ON SCHEMA maskline TO ${name};
       GRANT EXECUTE ON FUNCTION maskline.audit_tokens(uuid, bytea), maskline.audit_begin(), maskline.audit_append(uuid, text, bytea, bigint, bytea),
         maskline.permit(jsonb, uuid), maskline.pending_approval(uuid), maskline.approve(uuid, jsonb, text),
         maskline.request_approval(uuid, jsonb, text, integer) TO ${name}`,
    );
  }

  async allow(role: string, action: string, { domain = "*", perDay = null, alone = null }: Allowance = {}): Promise<void> {
    await this.admin.query(
      "INSERT INTO maskline.policy (role, domain, action, values_per_day, approve_above) VALUES ($1, $2, $3, $4, $5)",
      [role, domain, action, perDay, alone],
    );
  }

  /** A session of its own. */
  as(name: string): Database {
    const database = connect(otherwise(this.url, { user: name, password: name }));
    this.#open.push(database);
    return database;
  }

  governanceOf(name: string, tellHead: TellHead = () => {}, principal: string | null = null): PostgresGovernance {
    return new PostgresGovernance(this.as(name), this.schema, this.keys, principal, tellHead);
  }

  async close(): Promise<void> {
    for (const database of this.#open) await database.close();
    await this.admin.end();
  }
}

interface Allowance {
  readonly domain?: string;
  readonly perDay?: number | null;
  readonly alone?: number | null;
}

/** An act that only its amount matters of. */
export function actFacts(parts: Partial<ActFacts> = {}): ActFacts {
  const list = "11".repeat(32);
  return { action: "reveal", domain: "login.ip", amount: 1, list, reason: "a court order", ticket: "T-1", details: {}, ...parts };
}
