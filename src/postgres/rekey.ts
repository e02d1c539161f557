import { TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import { anchorOf, primaryOf } from "../keys/key-standing.ts";
import { tokenPrefix } from "../masks/token.ts";
import { oldNeedles } from "../recovery/inside-tokens.ts";
import type { RekeyStore, StepResult, TablePart, WalkPosition } from "../recovery/rekey-store.ts";
import type { RekeyColumn, Remasked, TokenRow, UnopenedToken } from "../recovery/remask.ts";
import { textArray } from "./array-parameter.ts";
import { type Database, DatabaseRefusal, type Query } from "./database.ts";
import { describeFailure } from "./error-classes.ts";
import { aliasInsert } from "./load-statement.ts";
import { quoteName, showTable, type TableName } from "./names.ts";
import { standingOf, standingPrelude } from "./ring-keys.ts";
import { columnTypes, Parameters, textOf } from "./token-search.ts";

export interface PostgresRekeyOptions {
  readonly schema: string;
  readonly table: TableName;
  readonly ring: number;
  /** Random for each process. */
  readonly run: string;
  readonly columns: readonly RekeyColumn[];
}

type Part = TablePart & { readonly quoted: string; readonly ranges: boolean };

/**
 * The partitions and children of a table that hold rows themselves, or the table. Without row security: rows that this user does not
 * see would be left under the old key without a word.
 */
const partsSql = `
WITH RECURSIVE part AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
  UNION SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.oid)
SELECT n.nspname || '.' || c.relname AS name, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS quoted, c.relkind AS kind,
       row_security_active(c.oid) AS hidden, current_setting('server_version_num')::int >= 140000 AS ranges,
       CASE WHEN c.relkind = 'r' THEN pg_relation_size(c.oid) / current_setting('block_size')::int END::float8 AS blocks
FROM part JOIN pg_catalog.pg_class c ON c.oid = part.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind <> 'p' ORDER BY 1`;

/** Line pointers that fit into a block at most: 4 bytes each beside a row header of 24 (PostgreSQL documentation, section 66.6). */
const mostLines = "((current_setting('block_size')::int - 24) / 28)";

/** Of documents and texts as they are stored, mostly compressed. Read, and written anew, they take some ten times as much. */
const mostBytesHeld = 4_000_000;

/** Walks a table of PostgreSQL 10 or later by the places of its rows, so that no index is needed and no row is read twice. */
export class PostgresRekey implements RekeyStore {
  readonly #database: Database;
  readonly #options: PostgresRekeyOptions;
  readonly #own: string;
  readonly #toKey: number;
  #parts: readonly Part[] = [];
  /** What a new text is cast to, by column. */
  #casts: ReadonlyMap<string, string> = new Map();

  constructor(database: Database, options: PostgresRekeyOptions) {
    this.#database = database;
    this.#options = options;
    this.#own = quoteName(options.schema);
    this.#toKey = options.columns[0]?.keyId ?? 0;
  }

  async parts(): Promise<readonly TablePart[]> {
    const { table } = this.#options;
    const found = await this.#database.query<Part & { readonly kind: string; readonly hidden: boolean }>(
      `looking at table ${showTable(table)}`,
      partsSql,
      [table.schema, table.table],
    );
    const hidden = found.filter((part) => part.hidden).map(({ name }) => name);
    const foreign = found.filter(({ kind }) => kind !== "r").map(({ name }) => name);
    if (found.length === 0 || hidden.length > 0 || foreign.length > 0) {
      throw new MasklineError("target_misfit", `table ${showTable(table)} cannot be walked`, {
        details: [
          ...(found.length === 0 ? ["it is not there, or has no partition"] : []),
          ...hidden.map((name) => `${name}: row-level security hides rows from this user`),
          ...foreign.map((name) => `${name}: is not a table of this database`),
        ],
        next: "run it as the table's owner, or as a role with BYPASSRLS",
      });
    }
    this.#parts = found;
    this.#casts = await columnTypes(
      this.#database,
      table,
      this.#options.columns.map(({ name }) => name),
    );
    return found;
  }

  async begin(toKey: number): Promise<WalkPosition | null> {
    const { table, run } = this.#options;
    const [left] = await this.#database.query<{ pass: number; part: string; block: number }>(
      "taking up the walk",
      `INSERT INTO ${this.#own}.rekey AS walk (table_schema, table_name, run, to_key, pass, part, next_block, changed)
       VALUES ($1, $2, $3, $4, 0, '', 0, 0)
       ON CONFLICT (table_schema, table_name) DO UPDATE SET run = excluded.run, to_key = excluded.to_key, finished_at = NULL, moved_at = now(),
         started_at = CASE WHEN walk.to_key = excluded.to_key AND walk.finished_at IS NULL THEN walk.started_at ELSE now() END,
         changed = CASE WHEN walk.to_key = excluded.to_key AND walk.finished_at IS NULL THEN walk.changed ELSE 0 END,
         pass = CASE WHEN walk.to_key = excluded.to_key AND walk.finished_at IS NULL THEN walk.pass ELSE 0 END
       RETURNING pass, part, next_block::float8 AS block`,
      [table.schema, table.table, run, toKey],
    );
    return left === undefined || left.pass === 0 ? null : left;
  }

  async restart(pass: number): Promise<void> {
    await this.#database.transaction("starting a pass", (query) => this.#move(query, { pass, part: "", block: 0 }, 0));
  }

  async finish(): Promise<void> {
    const { table, run } = this.#options;
    await this.#database.query(
      "ending the walk",
      `UPDATE ${this.#own}.rekey SET finished_at = now(), moved_at = now() WHERE table_schema = $1 AND table_name = $2 AND run = $3`,
      [table.schema, table.table, run],
    );
  }

  async step(from: WalkPosition, untilBlock: number, remask: (rows: readonly TokenRow[]) => Remasked): Promise<StepResult> {
    const part = this.#parts.find(({ name }) => name === from.part);
    if (part === undefined) throw new MasklineError("internal", "a walk through a part that was not looked at");
    try {
      return await this.#database.transaction(
        "rekeying",
        async (query, standing) => {
          this.#requireTarget(standing);
          let changed = 0;
          const unopened: UnopenedToken[] = [];
          for (const [first, end] of await this.#portions(query, part, from.block, untilBlock)) {
            const { sql, values } = this.#reading(part, first, end);
            const remasked = remask(await query<{ place: string; tokens: (string | null)[] }>(sql, values));
            if (remasked.changes.length > 0) changed += await this.#write(query, part, remasked);
            unopened.push(...remasked.unopened);
          }
          await this.#move(query, { ...from, block: untilBlock }, changed);
          return { changed, unopened };
        },
        { prelude: standingPrelude(this.#options.schema, this.#options.ring), userPath: true },
      );
    } catch (error) {
      throw error instanceof DatabaseRefusal ? this.#explained(error, part) : error;
    }
  }

  /** Under the shared lock: until this transaction ends, no other key becomes the anchor and this one is not closed. */
  #requireTarget(standing: readonly unknown[]): void {
    const { roots } = standingOf(standing);
    if (primaryOf(roots) === this.#toKey && anchorOf(roots) === this.#options.columns[0]?.anchorId) return;
    throw new MasklineError("key_retired", `key ${this.#toKey} is no longer the one to write with: the ring was rotated again`, {
      next: "maskline keys rekey, with the ring as it is now",
    });
  }

  /** Tokens are short. Documents and texts may be long, and stand outside of the blocks: only so many of them are held at a time. */
  async #portions(query: Query, part: Part, from: number, until: number): Promise<readonly (readonly [number, number])[]> {
    const long = this.#options.columns.flatMap((column) => ("masks" in column ? [quoteName(column.name)] : []));
    if (long.length === 0) return [[from, until]];
    const parameters = new Parameters();
    // the size as it is stored: nothing is read from outside of the blocks for it
    const blocks = await query<{ block: number; bytes: number }>(
      `SELECT (ctid::text::point)[0]::float8 AS block, sum(${long.map((name) => `coalesce(pg_catalog.pg_column_size(${name}), 0)`).join(" + ")})::float8 AS bytes
FROM ONLY ${part.quoted} WHERE ${places(part, parameters.add(from), parameters.add(until))} GROUP BY 1 ORDER BY 1`,
      parameters.values,
    );
    const starts = [from];
    let held = 0;
    for (const { block, bytes } of blocks) {
      if (held > 0 && held + bytes > mostBytesHeld) {
        starts.push(block);
        held = 0;
      }
      held += bytes;
    }
    return starts.map((start, i) => [start, starts[i + 1] ?? until]);
  }

  /** Rows of some blocks in which a column holds a token of another key, or what looks like one. */
  #reading(part: Part, fromBlock: number, untilBlock: number): { readonly sql: string; readonly values: readonly unknown[] } {
    const { columns } = this.#options;
    const parameters = new Parameters();
    const [from, until] = [parameters.add(fromBlock), parameters.add(untilBlock)];
    const old = columns.flatMap((column) => {
      const text = textOf(column.name);
      if ("masks" in column)
        return [...oldNeedles(column).keys()].map((needle) => `strpos(${text}, ${parameters.add(needle)}::text) > 0`);
      return [`left(${text}, 1) = 'A' AND left(${text}, 6) <> ${parameters.add(tokenPrefix(this.#toKey))}::text`];
    });
    const texts = columns.map(({ name }) => textOf(name)).join(", ");
    // the ring's first key has no old one beside it: nothing inside a value to look for
    const sql = `SELECT ctid::text AS place, ARRAY[${texts}] AS tokens FROM ONLY ${part.quoted}
WHERE ${places(part, from, until)} AND (${old.length === 0 ? "false" : old.join(" OR ")})`;
    return { sql, values: parameters.values };
  }

  async #write(query: Query, part: Part, { changes, aliases }: Pick<Remasked, "changes" | "aliases">): Promise<number> {
    const { schema, columns } = this.#options;
    const names = columns.map(({ name }) => quoteName(name));
    const parameters = names.flatMap((_, i) => [`$${2 * i + 2}::text[]`, `$${2 * i + 3}::text[]`]);
    const next = 2 * names.length + 2;
    const sql = `WITH pair AS (
  SELECT * FROM unnest($1::tid[], ${parameters.join(", ")}) AS pair (place, ${names.map((_, i) => `old${i}, new${i}`).join(", ")})), changed AS (
  UPDATE ONLY ${part.quoted} AS target SET ${columns.map((column, i) => `${names[i]} = pair.new${i}::${this.#castOf(column)}`).join(", ")} FROM pair
  WHERE target.ctid = ANY ($1::tid[]) AND target.ctid = pair.place
  AND ${names.map((name, i) => `target.${name}::text COLLATE "C" IS NOT DISTINCT FROM pair.old${i}`).join(" AND ")} RETURNING 1),
${aliasInsert(
  schema,
  `$${next}::bigint`,
  [next + 1, next + 2, next + 3].map((at) => `$${at}::text[]`),
)}
SELECT count(*)::int AS changed FROM changed`;
    const [row] = await query<{ changed: number }>(sql, [
      changes.map(({ place }) => place),
      ...names.flatMap((_, i) => [
        textArray(TextColumn.of(changes.map(({ from }) => from[i] ?? null))),
        textArray(TextColumn.of(changes.map(({ to }) => to[i] ?? null))),
      ]),
      columns[0]?.anchorId ?? 0,
      aliases.map(({ domain }) => domain),
      aliases.map(({ token }) => token),
      aliases.map(({ canonical }) => canonical),
    ]);
    return row?.changed ?? 0;
  }

  #castOf({ name }: RekeyColumn): string {
    const cast = this.#casts.get(name);
    if (cast !== undefined) return cast;
    throw new MasklineError("target_misfit", `column ${name} is not in table ${showTable(this.#options.table)}`, {
      next: "maskline check --connect compares the contract with the table",
    });
  }

  async #move(query: Query, { pass, part, block }: WalkPosition, changed: number): Promise<void> {
    const { table, run } = this.#options;
    const moved = await query(
      `UPDATE ${this.#own}.rekey SET pass = $4, part = $5, next_block = $6, changed = changed + $7, moved_at = now()
       WHERE table_schema = $1 AND table_name = $2 AND run = $3 RETURNING 1`,
      [table.schema, table.table, run, pass, part, block, changed],
    );
    if (moved.length > 0) return;
    throw new MasklineError("rekey_unfinished", "another keys rekey has taken this table over", {
      next: "let that one end; its progress stands in the rekey table of the maskline schema",
    });
  }

  /** A constraint, trigger or right of the user's own: said with the part it stands at. Nothing of the step stays. */
  #explained(error: DatabaseRefusal, part: Part): MasklineError {
    const { failureClass } = error.failure;
    if (failureClass === "retry" || failureClass === "outage" || error.failure.sqlState === "42501") return error;
    return new MasklineError(
      "database_refused",
      `table ${part.name} does not take the new tokens: ${describeFailure(error.failure)}`,
      {
        next: "look at that constraint or trigger; what was changed before stays valid, and maskline keys rekey goes on from there",
      },
    );
  }
}

/** The condition that a row stands in these blocks. Before PostgreSQL 14 a range would read the whole table: there every place is named. */
function places({ ranges }: Part, from: string, until: string): string {
  return ranges
    ? `ctid >= pg_catalog.format('(%s,0)', ${from}::bigint)::tid AND ctid < pg_catalog.format('(%s,0)', ${until}::bigint)::tid`
    : `ctid = ANY (ARRAY(
  SELECT pg_catalog.format('(%s,%s)', block, line)::tid FROM generate_series(${from}::bigint, ${until}::bigint - 1) AS block, generate_series(1, ${mostLines}) AS line))`;
}
