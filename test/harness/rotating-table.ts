import { randomBytes, randomUUID } from "node:crypto";

import type { ConfiguredColumn } from "../../src/app/config/columns.ts";
import { createMasks } from "../../src/app/masks.ts";
import { ringName, taggedColumns } from "../../src/app/tagged-columns.ts";
import { anchorOf } from "../../src/keys/key-standing.ts";
import { addRoot } from "../../src/keys/ring-changes.ts";
import { createKeyRing, type KeyRing } from "../../src/keys/ring.ts";
import type { Batch, Settlement } from "../../src/pipeline/ports.ts";
import type { Database } from "../../src/postgres/database.ts";
import { equalityView } from "../../src/postgres/duplicates.ts";
import { PostgresKeyUse } from "../../src/postgres/key-use.ts";
import { PostgresRekey } from "../../src/postgres/rekey.ts";
import { announceKeys, readStanding } from "../../src/postgres/ring-keys.ts";
import type { PostgresSink } from "../../src/postgres/sink.ts";
import { registerTokenColumns } from "../../src/postgres/token-columns.ts";
import type { RekeyStore } from "../../src/recovery/rekey-store.ts";
import { rekey, type RekeyOptions, type RekeyResult } from "../../src/recovery/rekey.ts";
import { aliasesOfRows, type TaggedColumn } from "../../src/recovery/remask.ts";
import { load } from "./configuration.ts";
import { checkEquality, type EqualityFindings } from "./equal-values.ts";
import { loginTable, makeBatch, makeDelivery, makeRows, openLoginSink, rowsOf } from "./login-table.ts";

const columns: readonly ConfiguredColumn[] = load(`columns:
  masked_ip:        { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
`).columns;

/** What one process brings: who, from where, on what. */
export type Login = readonly [user: string, ip: string, device: string];

/** The parts of a load that a broken variant leaves out. */
export interface LoadVariant {
  readonly guarded?: boolean;
  readonly aliased?: boolean;
}

/** user_logins under a ring that is rotated: loads, walks and looks at it as the product does, without its processes. */
export class RotatingTable {
  readonly database: Database;
  readonly url: string;
  readonly #sink: PostgresSink;
  /** The ring as it was at first, and after each rotation. */
  readonly rings: KeyRing[] = [createKeyRing(randomBytes)];

  private constructor(database: Database, url: string, sink: PostgresSink) {
    this.database = database;
    this.url = url;
    this.#sink = sink;
  }

  static async open(database: Database, url: string, extra: string = ""): Promise<RotatingTable> {
    await database.query("clearing", "DROP TABLE IF EXISTS user_logins CASCADE");
    const sink = await openLoginSink(database, "maskline", extra);
    const table = new RotatingTable(database, url, sink);
    await table.announce(table.ring);
    await table.register();
    await database.query("viewing", equalityView("maskline", loginTable, domains()).replace(/;$/, ""));
    return table;
  }

  get ring(): KeyRing {
    return this.rings.at(-1) as KeyRing;
  }

  get use(): PostgresKeyUse {
    return new PostgresKeyUse(this.database, "maskline", ringName(this.ring));
  }

  async rotate(): Promise<KeyRing> {
    this.rings.push(addRoot(this.ring, randomBytes));
    await this.announce(this.ring);
    return this.ring;
  }

  async announce(ring: KeyRing): Promise<void> {
    await announceKeys(this.database, "maskline", ringName(ring), ring.primaryId, ring.keys);
  }

  /** What a process does at its start. */
  async register(): Promise<void> {
    const ring = ringName(this.ring);
    await registerTokenColumns(
      this.database,
      "maskline",
      domains().map(({ name, domain }) => ({ table: loginTable, column: name, domain, layout: "whole", keyId: null, ring })),
    );
  }

  /** What a process prepares with this ring, as the database stands now. */
  async prepare(ring: KeyRing, logins: readonly Login[], { guarded = true, aliased = true }: LoadVariant = {}): Promise<Batch> {
    const { roots } = await readStanding(this.database, "maskline", ringName(ring));
    const tagged = await this.columns(ring);
    const deliveries = logins.map(() => makeDelivery());
    const plain = makeRows(deliveries);
    const masked = [logins.map(([, ip]) => ip), logins.map(([, , device]) => device)].map((values, i) =>
      (tagged[i] as TaggedColumn).mask.apply(values),
    );
    const rows = rowsOf(
      deliveries,
      plain.columns.map((column, i) => (i === 0 ? logins.map(([user]) => user) : (masked[i - 2] ?? column.texts()))),
    );
    const aliases = aliased ? aliasesOfRows([null, null, ...tagged], rows) : [];
    const keys = {
      ring: ringName(ring),
      keyId: ring.primaryId,
      anchorId: anchorOf(roots) ?? ring.primaryId,
      sealingId: ring.sealing[0]?.id ?? 0,
      pinnedIds: [],
      aliases,
    };
    const batch = makeBatch(rows, [], { run: randomUUID() });
    return guarded ? { ...batch, keys } : batch;
  }

  write(batch: Batch): Promise<readonly Settlement[]> {
    return this.#sink.load(batch);
  }

  async load(ring: KeyRing, logins: readonly Login[], variant: LoadVariant = {}): Promise<void> {
    await this.write(await this.prepare(ring, logins, variant));
  }

  async columns(ring: KeyRing): Promise<readonly TaggedColumn[]> {
    const standing = await readStanding(this.database, "maskline", ringName(ring));
    return taggedColumns(createMasks(columns, ring), ring, standing).filter((column) => column !== null);
  }

  async store(ring: KeyRing = this.ring): Promise<PostgresRekey> {
    return new PostgresRekey(this.database, {
      schema: "maskline",
      table: loginTable,
      ring: ringName(ring),
      run: randomUUID(),
      columns: await this.columns(ring),
    });
  }

  async rekey(
    options: Partial<RekeyOptions> = {},
    wrap: (store: RekeyStore) => RekeyStore = (store) => store,
  ): Promise<RekeyResult> {
    const store = wrap(await this.store());
    return rekey(store, this.use, await this.columns(this.ring), this.ring.primaryId, { ...atOnce, ...options });
  }

  /** Opens everything with the newest ring and compares. */
  check(): Promise<EqualityFindings> {
    return checkEquality(this.url, this.ring, columns);
  }

  async states(): Promise<readonly string[]> {
    return (await this.use.standing()).map(({ standing }) => standing);
  }
}

function domains(): readonly { readonly name: string; readonly domain: string }[] {
  return columns.map(({ column: { name }, mask }) => ({ name, domain: mask?.domain ?? "" }));
}

/** No pauses, no limits, nobody to tell. */
export const atOnce: RekeyOptions = {
  batchRows: 200,
  rowsPerSecond: Infinity,
  clock: { now: () => 0, elapsed: () => 0, sleep: async () => {}, random: () => 0.5 },
  stop: new AbortController().signal,
  report: () => {},
  onWaiting: () => {},
};

/** So many logins of as many users, over few addresses and devices: nearly all values are shared. */
export function sharedLogins(count: number, from: number = 0): readonly Login[] {
  return Array.from({ length: count }, (_, i): Login => {
    const n = from + i;
    return [`user-${n}`, `192.0.2.${n % 50}`, `device-${n % 30}`];
  });
}
