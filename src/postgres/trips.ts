import { type ErrorCode, MasklineError } from "../errors.ts";
import { crossedLimit, type FailureLimits } from "../pipeline/failure-limits.ts";
import type { Database, Query } from "./database.ts";
import { quoteName } from "./names.ts";

/** How many messages were refused for one reason at one path of the contract; path "" for the body as a whole. */
export interface CountedReason {
  readonly reason: string;
  readonly path: string;
  readonly messages: number;
}

/** What was counted when a pipeline tripped. */
export interface TripFacts {
  readonly refused: number;
  readonly seen: number;
  readonly limits: FailureLimits;
  /** The most frequent first. */
  readonly reasons: readonly CountedReason[];
}

/** A pipeline that stands still because too many messages were refused, or did until it was resumed. */
export type Trip = TripFacts & {
  readonly pipeline: string;
  readonly run: string;
  readonly trippedAt: Date;
  readonly resumedAt: Date | null;
  /** The database's own name for whoever resumed it. */
  readonly resumedBy: string | null;
  readonly resumeReason: string | null;
};

/** `trip` and `pipeline` have to be in its FROM. */
const tripColumns = `pipeline.name AS pipeline, trip.run, trip.tripped_at AS "trippedAt", trip.refused, trip.seen, trip.limits, trip.reasons,
  trip.resumed_at AS "resumedAt", trip.resumed_by AS "resumedBy", trip.resume_reason AS "resumeReason"`;

/** Says by a row whether a pipeline stands still: a short fixed text, to be sent along with every BEGIN. */
export function stillSql(schema: string, pipeline: number): string {
  if (!Number.isSafeInteger(pipeline)) throw new MasklineError("internal", "a pipeline's number that is not a whole number");
  return `SELECT 'trip' AS kind FROM ${quoteName(schema)}.trip WHERE pipeline = ${pipeline} AND resumed_at IS NULL`;
}

/** Whether such a row is among those of several kinds. */
export function saysStill(rows: readonly unknown[]): boolean {
  return (rows as readonly { readonly kind?: string }[]).some(({ kind }) => kind === "trip");
}

/** The open trip of a pipeline, by its number. */
export async function openTrip(query: Query, schema: string, pipeline: number): Promise<Trip | null> {
  const own = quoteName(schema);
  const [open] = await query<Trip>(
    `SELECT ${tripColumns} FROM ${own}.trip JOIN ${own}.pipeline ON pipeline.number = trip.pipeline
     WHERE trip.pipeline = $1 AND trip.resumed_at IS NULL`,
    [pipeline],
  );
  return open ?? null;
}

/** Writes that a pipeline stands still, unless it does already; answers with what is stored then. */
export async function storeTrip(
  query: Query,
  schema: string,
  pipeline: number,
  run: string,
  { refused, seen, limits, reasons }: TripFacts,
): Promise<Trip | null> {
  await query(
    `INSERT INTO ${quoteName(schema)}.trip (pipeline, run, refused, seen, limits, reasons) VALUES ($1, $2, $3, $4, $5::jsonb, $6::jsonb)
     ON CONFLICT (pipeline) WHERE resumed_at IS NULL DO NOTHING`,
    [pipeline, run, refused, seen, JSON.stringify(limits), JSON.stringify(reasons)],
  );
  return openTrip(query, schema, pipeline);
}

/** The open trip of a pipeline, by its name; null when it is not tripped. */
export async function findTrip(database: Database, schema: string, pipeline: string): Promise<Trip | null> {
  const [open] = await listTrips(database, schema, pipeline, 1);
  return open?.resumedAt === null ? open : null;
}

/** The newest first; an open one is the newest there is. */
export async function listTrips(database: Database, schema: string, pipeline: string, limit: number): Promise<readonly Trip[]> {
  const own = quoteName(schema);
  return database.query<Trip>(
    "reading when the pipeline tripped",
    `SELECT ${tripColumns} FROM ${own}.trip JOIN ${own}.pipeline ON pipeline.number = trip.pipeline
     WHERE pipeline.name = $1 ORDER BY trip.resumed_at DESC NULLS FIRST, trip.number DESC LIMIT $2`,
    [pipeline, limit],
  );
}

/** Lets a pipeline go on; its window begins anew. When and by whom, a trigger says. null when it is not tripped. */
export async function resumeTrip(database: Database, schema: string, pipeline: string, reason: string): Promise<Trip | null> {
  const own = quoteName(schema);
  const [resumed] = await database.query<Trip>(
    "resuming the pipeline",
    `WITH trip AS (
       UPDATE ${own}.trip SET resume_reason = $2
       WHERE resumed_at IS NULL AND pipeline = (SELECT number FROM ${own}.pipeline WHERE name = $1) RETURNING *)
     SELECT ${tripColumns} FROM trip JOIN ${own}.pipeline ON pipeline.number = trip.pipeline`,
    [pipeline, reason],
  );
  return resumed ?? null;
}

/** How many kinds of refusals an error lists. */
const mostReasons = 20;

/** "31 x missing, ip", one line for each kind. */
export function reasonLines(reasons: readonly CountedReason[]): readonly string[] {
  const lines = reasons
    .slice(0, mostReasons)
    .map(({ reason, path, messages }) => `${messages} x ${[reason, path].filter((part) => part !== "").join(", ")}`);
  const others = reasons.slice(mostReasons).reduce((sum, { messages }) => sum + messages, 0);
  return others === 0 ? lines : [...lines, `${others} x for ${reasons.length - mostReasons} further reasons`];
}

/** "31 of the newest 412, and limits.refused allows 30" */
export function describeTrip({ refused, seen, limits }: TripFacts): string {
  const crossed = crossedLimit({ refused, seen }, limits);
  return `${refused} of the newest ${seen}, and limits.${crossed === "share" ? `share allows ${limits.share} of them` : `refused allows ${limits.refused}`}`;
}

/** The error of a pipeline that stands still: the same when it trips, for its other processes, and at every start until it is resumed. */
export function tripped(trip: Trip): MasklineError {
  const since = `${trip.trippedAt.toISOString().slice(0, 19).replace("T", " ")}Z`;
  return spent(trip, `${describeTrip(trip)}; pipeline ${trip.pipeline} stands still since ${since}`);
}

/** The same where it could not be stored: other processes go on until they cross the limit themselves. */
export function trippedUnstored(facts: TripFacts, why: ErrorCode): MasklineError {
  return spent(facts, `${describeTrip(facts)}; that could not be stored for other processes (${why})`);
}

function spent({ reasons }: TripFacts, what: string): MasklineError {
  return new MasklineError("budget_spent", `too many messages were refused: ${what}`, {
    details: reasonLines(reasons),
    next: "maskline preview -n 10 shows what comes; correct the contract, the producer or limits.refused; then maskline resume --reason TEXT",
  });
}
