import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { loadSettings, type Settings } from "../../src/app/config/load.ts";
import { createMasks } from "../../src/app/masks.ts";
import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import { otherwise } from "../postgres/databases.ts";
import { GovernedDatabase } from "./governed-database.ts";
import { type Finished, startMaskline } from "./workspace.ts";

const columns = `
columns:
  user_id:          { type: text, max: 128, required: true }
  masked_ip:        { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  masked_host:      { from: host, type: ip, mask: { kind: ipcrypt, domain: login.host } }
  masked_net:       { from: net, type: ip, mask: { kind: ipcrypt-pfx, domain: login.net } }
  masked_card:      { from: card, type: text, max: 9, mask: { kind: ff1, domain: login.card, template: "####-####" } }
  masked_mail:      { from: mail, type: email, mask: { kind: hmac, domain: login.mail } }
  seen:             { from: $sent_at, type: date }
`;

const table = `CREATE TABLE user_logins (user_id varchar(128), masked_ip varchar(256), masked_device_id varchar(256), masked_host inet,
  masked_net text, masked_card char(9), masked_mail text, seen date)`;

/** Plain values of a row by column; all of them personal but the first and the last. */
export interface PlainRow {
  readonly user_id: string;
  readonly masked_ip: string;
  readonly masked_device_id: string;
  readonly masked_host: string;
  readonly masked_net: string;
  readonly masked_card: string;
  readonly masked_mail: string;
  readonly seen: string;
}

/** A database with masked rows, a ring, people, and a command line for each of them. */
export class RevealingPlace {
  readonly governed: GovernedDatabase;
  readonly folder: string;
  readonly settings: Settings;
  readonly #more: string;

  /** @param more columns of the contract that the table gets too, as text */
  static async create(server: PostgresServer, more: MoreColumns = { contract: "", table: [] }): Promise<RevealingPlace> {
    const governed = await GovernedDatabase.create(server);
    const folder = await mkdtemp(path.join(tmpdir(), "maskline-reveal-"));
    await createKeyRingFile(path.join(folder, "keyring.json"), governed.ring);
    await governed.admin.query(table);
    for (const column of more.table) await governed.admin.query(`ALTER TABLE user_logins ADD COLUMN ${column} text`);
    return new RevealingPlace(governed, folder, await configure(folder, "admin", governed.url, more.contract), more.contract);
  }

  private constructor(governed: GovernedDatabase, folder: string, settings: Settings, more: string) {
    this.governed = governed;
    this.folder = folder;
    this.settings = settings;
    this.#more = more;
  }

  /** Somebody who may look at the table and at what tells whether a ring is the right one; the policy says the rest. */
  async person(name: string): Promise<void> {
    await this.governed.person(name);
    await this.governed.admin.query(
      `GRANT SELECT ON maskline.migration, maskline.mask_definition, maskline.ring_key, maskline.token_column, user_logins TO ${name}`,
    );
    await configure(this.folder, name, otherwise(this.governed.url, { user: name, password: name }), this.#more);
  }

  /** The tokens of a column's values. */
  tokens(column: keyof PlainRow, values: readonly string[]): readonly string[] {
    const mask = createMasks(this.settings.columns, this.governed.ring).find((one) => one.column.name === column)?.mask;
    return mask === null || mask === undefined ? values : (mask.apply(values) as string[]);
  }

  async insert(rows: readonly PlainRow[]): Promise<void> {
    const names = Object.keys(rows[0] ?? {}) as (keyof PlainRow)[];
    const types: Partial<Record<keyof PlainRow, string>> = { masked_host: "inet", seen: "date" };
    const casts = names.map((name, index) => `$${index + 1}::${types[name] ?? "text"}[]`);
    await this.governed.admin.query(
      `INSERT INTO user_logins (${names.join(", ")}) SELECT * FROM unnest(${casts.join(", ")})`,
      names.map((name) =>
        this.tokens(
          name,
          rows.map((row) => row[name]),
        ),
      ),
    );
  }

  /** Runs the command line as a person. */
  maskline(
    person: string,
    args: readonly string[],
    stdin: string = "",
    environment: Readonly<Record<string, string>> = {},
  ): Promise<Finished> {
    return startMaskline(this.folder, [...args, "--config", `${person}.yaml`], environment, stdin).finished;
  }

  /** What the audit tells, row by row. */
  async audit(): Promise<readonly Told[]> {
    const { rows } = await this.governed.admin.query<{ entry: string }>("SELECT entry FROM maskline.audit ORDER BY sequence");
    return rows.map(({ entry }) => JSON.parse(entry) as Told);
  }

  async close(): Promise<void> {
    await this.governed.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export interface Told {
  readonly step: string;
  readonly actor: string;
  readonly principal: string | null;
  readonly action: string;
  readonly domain: string;
  readonly amount: number;
  readonly outcome: Readonly<Record<string, unknown>> | null;
  readonly details: Readonly<Record<string, unknown>>;
}

interface MoreColumns {
  readonly contract: string;
  readonly table: readonly string[];
}

async function configure(folder: string, name: string, url: string, more: string): Promise<Settings> {
  const file = path.join(folder, `${name}.yaml`);
  const keyring = path.join(folder, "keyring.json");
  const sink = `sink: { postgres: { url: "${url}", table: public.user_logins } }`;
  await writeFile(file, `keyring: "file:${keyring}"\n${sink}\n${columns}${more}`, { mode: 0o600 });
  return loadSettings({ file, environment: {}, overrides: [] });
}
