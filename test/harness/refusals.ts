import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import type { PostgresServer } from "../../src/demo/postgres-server.ts";
import { type ErrorCode, errorCodes, exitCodes } from "../../src/errors.ts";
import { RevealingPlace, type Told } from "./revealing-place.ts";
import type { Finished } from "./workspace.ts";

/** What every attempt says for itself, unless that is what is missing. */
export const why: readonly string[] = ["--reason", "asked for by the court", "--ticket", "T-1"];

/** What nobody may see who is refused. */
export const personal = {
  ip: "203.0.113.77",
  other: "198.51.100.9",
  device: "593-47-5928",
  phone: "020 7946 0018",
  refused: "CANARY-of-a-refused-message",
};

const tables = [
  "user_logins",
  ...["quarantine", "quarantine_exit", "receipt", "identity_receipt", "vault", "vault_link", "policy"].map(
    (name) => `maskline.${name}`,
  ),
];

/** All that any of the commands needs of the database, but for the functions. */
const rights = `GRANT SELECT, INSERT, UPDATE, DELETE ON user_logins, maskline.quarantine, maskline.quarantine_exit, maskline.receipt,
  maskline.identity_receipt, maskline.pipeline, maskline.mask_definition, maskline.ring_key, maskline.token_column, maskline.token_alias,
  maskline.replica, maskline.ledger, maskline.vault, maskline.vault_link, maskline.erasure TO`;

/** One call of the command line that is refused. */
export interface Refused {
  readonly person: string;
  readonly args: readonly string[];
  readonly stdin?: string;
  /** A right that this person has and not for this call, as REVOKE names it. */
  readonly without?: string;
  readonly code: ErrorCode;
  /** Of each row that the audit gets: step, action, domain, and what came of it. */
  readonly told: readonly (readonly [step: string, action: string, domain: string, outcome: unknown])[];
  /** Texts that would show something. */
  readonly hides?: readonly string[];
}

/** A table, a vault and a quarantine with somebody's values in them, and people with all rights in the database and different ones in the policy. */
export class RefusingPlace {
  readonly revealing: RevealingPlace;
  /** Of a message in the quarantine. */
  readonly message: string;
  /** Of the first row, by column. */
  readonly tokens: Readonly<Record<string, string>>;

  static async create(server: PostgresServer): Promise<RefusingPlace> {
    const revealing = await RevealingPlace.create(server, {
      contract:
        "  masked_phone: { from: phone, type: text, max: 20, mask: { kind: vault, domain: login.phone, subject: user_id } }\n",
      table: ["masked_phone"],
    });
    const event = {
      user_id: "u-1",
      ip: personal.ip,
      device_id: personal.device,
      host: "192.0.2.44",
      net: "2001:db8:1::9",
      card: "4711-0815",
      mail: "ann@example.com",
      phone: personal.phone,
    };
    const lines = [
      event,
      { ...event, user_id: "u-2", ip: personal.other, phone: "020 7946 0999" },
      { ...event, ip: personal.refused },
      { ...event, user_id: "u-3", ip: personal.refused },
    ];
    await writeFile(path.join(revealing.folder, "events.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const loaded = await revealing.maskline("admin", ["backfill", "events.jsonl", "--sent-at", "2026-11-20"]);
    assert.match(loaded.stdout + loaded.stderr, /refused|quarantined/, "two rows, and two refused messages");
    const { admin } = revealing.governed;
    const { rows: messages } = await admin.query<{ id: string }>("SELECT id FROM maskline.quarantine ORDER BY id");
    const { rows } = await admin.query<Record<string, string>>("SELECT * FROM user_logins WHERE user_id = 'u-1'");
    assert.deepEqual([messages.length, rows.length], [2, 1], loaded.stderr);
    return new RefusingPlace(revealing, messages[0]?.id ?? "", rows[0] ?? {});
  }

  private constructor(revealing: RevealingPlace, message: string, tokens: Readonly<Record<string, string>>) {
    this.revealing = revealing;
    this.message = message;
    this.tokens = tokens;
  }

  async person(name: string): Promise<void> {
    await this.revealing.person(name);
    await this.query(`${rights} ${name}`);
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<void> {
    await this.revealing.governed.admin.query(sql, [...parameters]);
  }

  /** What somebody is told to have approved. @returns the id of it */
  async asksForApproval(person: string, args: readonly string[], stdin: string): Promise<string> {
    const asked = await this.run({ person, args, stdin });
    const id = /--approval ([\da-f-]{36})/.exec(asked.stdout)?.[1];
    assert.ok(id, asked.stdout + asked.stderr);
    return id;
  }

  /** A second person's approval of what was asked for, but for what is changed. @returns its id */
  async approved(asked: string, change: string = "used_at = NULL"): Promise<string> {
    const id = randomUUID();
    await this.query(
      `INSERT INTO maskline.approval (id, asked, actor, expires_at, approved_by, approved_at)
       SELECT $2, asked, actor, expires_at, 'second', now() FROM maskline.approval WHERE id = $1`,
      [asked, id],
    );
    await this.query(`UPDATE maskline.approval SET ${change} WHERE id = $1`, [id]);
    return id;
  }

  run({ person, args, stdin = "" }: Pick<Refused, "person" | "args" | "stdin">): Promise<Finished> {
    return this.revealing.maskline(person, [...args, "--json"], stdin);
  }

  /** Whether a call is refused as it should be: the error, the audit, nothing shown and nothing changed. */
  async assertRefused(cell: Refused): Promise<Finished> {
    const { person, without, code, told, hides = [] } = cell;
    const before = await this.#state();
    if (without !== undefined) await this.query(`REVOKE ${without} FROM ${person}`);
    const done = await this.run(cell);
    if (without !== undefined) await this.query(`GRANT ${without} TO ${person}`);
    const after = await this.#state();
    assert.equal(done.code, exitCodes[errorCodes[code].exit], done.stdout + done.stderr);
    assert.match(done.stdout, new RegExp(`"code":"${code}"`));
    assert.match(done.stdout, /"next":"./, "it says what to do");
    const rows = after.audit.slice(before.audit.length);
    assert.deepEqual(
      rows.map(({ step, actor, action, domain, outcome }) => [actor, step, action, domain, outcome]),
      told.map((row) => [person, ...row]),
    );
    for (const secret of [...Object.values(personal), "203.0.113.0/24", ...hides])
      assert.ok(!(done.stdout + done.stderr).includes(secret), `${secret} is not shown`);
    assert.ok(!JSON.stringify(rows).includes("CANARY"), "nor told in the audit");
    assert.deepEqual(after.tables, before.tables, "nothing is changed");
    return done;
  }

  async #state(): Promise<{ readonly audit: readonly Told[]; readonly tables: readonly unknown[] }> {
    const sums = tables.map(
      (table) =>
        `SELECT '${table}' AS name, count(*)::int AS rows, md5(string_agg(one::text, ' ' ORDER BY one::text)) FROM ${table} AS one`,
    );
    const { rows } = await this.revealing.governed.admin.query<Record<string, unknown>>(sums.join(" UNION ALL "));
    return { audit: await this.revealing.audit(), tables: rows };
  }

  async close(): Promise<void> {
    await this.revealing.close();
  }
}
