import type { Query } from "./database.ts";

/** How a column of the user's is compared with a value. */
export type Comparison = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** Their numbers in a btree operator class. */
const strategies: readonly Exclude<Comparison, "!=">[] = ["<", "<=", "=", ">=", ">"];

const operatorSql = `
WITH RECURSIVE step AS (
  SELECT type AS name, type::regtype::oid AS type FROM unnest($1::text[]) AS asked (type)
  UNION ALL
  SELECT step.name, d.typbasetype FROM step JOIN pg_catalog.pg_type d ON d.oid = step.type WHERE d.typtype = 'd')
SELECT step.name AS type, o.amopstrategy::integer AS strategy, quote_ident(n.nspname) || '.' || op.oprname AS operator
FROM step
JOIN pg_catalog.pg_opclass c ON c.opcintype = step.type AND c.opcdefault
JOIN pg_catalog.pg_am am ON am.oid = c.opcmethod AND am.amname = 'btree'
JOIN pg_catalog.pg_amop o ON o.amopfamily = c.opcfamily AND o.amoplefttype = c.opcintype AND o.amoprighttype = c.opcintype
JOIN pg_catalog.pg_operator op ON op.oid = o.amopopr
JOIN pg_catalog.pg_namespace n ON n.oid = op.oprnamespace`;

/**
 * The operators that compare values of some types, by name and schema: the type of an extension (citext) has its own wherever it was
 * installed, and the search path leads to none. Which ones are the type's own is said by its default operator class, which only a superuser
 * makes; what has none of its own (enums, varchar, arrays) is compared by PostgreSQL's.
 */
export class Comparisons {
  readonly #operators: ReadonlyMap<string, string>;

  private constructor(operators: ReadonlyMap<string, string>) {
    this.#operators = operators;
  }

  /** @param types quoted and qualified; a domain counts as what it stands on */
  static async of(query: Query, types: readonly string[]): Promise<Comparisons> {
    const rows = await query<{ type: string; strategy: number; operator: string }>(operatorSql, [[...new Set(types)]]);
    return new Comparisons(new Map(rows.map(({ type, strategy, operator }) => [nameOf(type, strategies[strategy - 1]), operator])));
  }

  /** As it is written between two operands, or before ANY. */
  operator(type: string, comparison: Exclude<Comparison, "!=">): string {
    return `OPERATOR(${this.#operators.get(nameOf(type, comparison)) ?? `pg_catalog.${comparison}`})`;
  }

  /** A condition. */
  compare(type: string, left: string, comparison: Comparison, right: string): string {
    if (comparison === "!=") return `NOT (${this.compare(type, left, "=", right)})`;
    return `${left} ${this.operator(type, comparison)} ${right}`;
  }
}

function nameOf(type: string, comparison: Comparison | undefined): string {
  return JSON.stringify([type, comparison]);
}
