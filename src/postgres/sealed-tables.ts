import { MasklineError } from "../errors.ts";
import { sealedPlace } from "../pipeline/sealed-body.ts";
import { vaultPlace } from "../pipeline/vault.ts";
import type { SealedRow, SealedTable } from "../recovery/reseal.ts";
import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";
import { standingOf, standingPrelude } from "./ring-keys.ts";
import { isSealedOtherwise, sealingIdHex } from "./sealed-under.ts";

export interface SealedTableOptions {
  readonly schema: string;
  /** The ring's name, and its current sealing key. */
  readonly ring: number;
  readonly sealingId: number;
}

const pageRows = 500;

export interface VaultKey {
  readonly domain: string;
  readonly token: string;
}

export function sealedVault(database: Database, options: SealedTableOptions): SealedTable<VaultKey> {
  const table = `${quoteName(options.schema)}.vault`;
  return {
    async page(after) {
      const rows = await database.query<VaultKey & { sealed: Buffer }>(
        "reading the vault",
        `SELECT domain, token, sealed FROM ${table}
         WHERE ${isSealedOtherwise} AND ($2::text IS NULL OR (domain, token) > ($2::text COLLATE "C", $3::text COLLATE "C"))
         ORDER BY domain, token LIMIT ${pageRows}`,
        [sealingIdHex(options.sealingId), after?.domain ?? null, after?.token ?? null],
      );
      return rows.map(({ domain, token, sealed }) => ({ key: { domain, token }, place: vaultPlace(domain, token), sealed }));
    },
    replace: (rows) =>
      whileOpen(database, options, "sealing originals anew", async (query) =>
        changedOf(
          await query<{ n: number }>(
            `WITH changed AS (UPDATE ${table} SET sealed = anew.sealed, epoch = DEFAULT
               FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) AS anew (domain, token, former, sealed)
               WHERE vault.domain = anew.domain AND vault.token = anew.token AND vault.sealed = anew.former RETURNING 1)
             SELECT count(*)::int AS n FROM changed`,
            [rows.map(({ row }) => row.key.domain), rows.map(({ row }) => row.key.token), ...sealsOf(rows)],
          ),
        ),
      ),
  };
}

export interface QuarantineKey {
  readonly pipeline: number;
  /** As text: 'infinity' too. */
  readonly sentAt: string;
  readonly id: string;
}

export function sealedQuarantine(database: Database, options: SealedTableOptions): SealedTable<QuarantineKey> {
  const own = quoteName(options.schema);
  return {
    async page(after) {
      const rows = await database.query<QuarantineKey & { name: string; sealed: Buffer }>(
        "reading the quarantine",
        `SELECT refused.pipeline, refused.sent_at::text AS "sentAt", refused.id, pipeline.name, refused.sealed
         FROM ${own}.quarantine AS refused JOIN ${own}.pipeline ON pipeline.number = refused.pipeline
         WHERE ${isSealedOtherwise}
           AND ($2::smallint IS NULL OR (refused.pipeline, refused.sent_at, refused.id) > ($2::smallint, $3::timestamptz, $4::text COLLATE "C"))
         ORDER BY refused.pipeline, refused.sent_at, refused.id LIMIT ${pageRows}`,
        [sealingIdHex(options.sealingId), after?.pipeline ?? null, after?.sentAt ?? null, after?.id ?? null],
      );
      return rows.map(({ name, sealed, ...key }) => ({ key, place: sealedPlace(name, key.id), sealed }));
    },
    replace: (rows) =>
      whileOpen(database, options, "sealing refused messages anew", async (query) =>
        changedOf(
          await query<{ n: number }>(
            `WITH changed AS (UPDATE ${own}.quarantine SET sealed = anew.sealed
               FROM unnest($1::smallint[], $2::timestamptz[], $3::text[], $4::bytea[], $5::bytea[]) AS anew (pipeline, sent_at, id, former, sealed)
               WHERE quarantine.pipeline = anew.pipeline AND quarantine.sent_at = anew.sent_at AND quarantine.id = anew.id
                 AND quarantine.sealed = anew.former RETURNING 1)
             SELECT count(*)::int AS n FROM changed`,
            [
              rows.map(({ row }) => row.key.pipeline),
              rows.map(({ row }) => row.key.sentAt),
              rows.map(({ row }) => row.key.id),
              ...sealsOf(rows),
            ],
          ),
        ),
      ),
  };
}

type Anew = readonly { readonly row: Pick<SealedRow<unknown>, "sealed">; readonly sealed: Uint8Array }[];

function sealsOf(rows: Anew): readonly unknown[] {
  return [rows.map(({ row }) => row.sealed), rows.map(({ sealed }) => sealed)];
}

function changedOf([row]: readonly { readonly n: number }[]): number {
  return row?.n ?? 0;
}

/** As a load does: nothing is sealed under a key that was closed meanwhile. */
function whileOpen<T>(
  database: Database,
  { schema, ring, sealingId }: SealedTableOptions,
  doing: string,
  work: (query: Query) => Promise<T>,
): Promise<T> {
  return database.transaction(
    doing,
    (query, prelude) => {
      if (standingOf(prelude).closedSealing.includes(sealingId))
        throw new MasklineError("key_retired", `sealing key ${sealingId} is closed: the ring was rotated since`, {
          next: "use the ring as it is now (maskline keys list shows it)",
        });
      return work(query);
    },
    { prelude: standingPrelude(schema, ring) },
  );
}
