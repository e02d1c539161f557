import { plainValues } from "../../test/chaos/oracle.ts";
import { TokenOpener } from "../../test/chaos/token-opener.ts";
import type { Backlog, Expected } from "../load-queue/backlog.ts";
import type { PooledBody } from "../load-queue/bodies.ts";
import type { FreshDatabase } from "./place.ts";

/**
 * What a consumer leaves behind: rows with receipts, quarantine and a ledger that closes (maskline); rows with tokens or hashes alone, two
 * where a message came twice; or nothing.
 */
export type Leaves = "account" | "tokens" | "hashes" | "none";

/** Each user of a sample has a row or, of a long backlog, many. */
const sampledUsers = 200;
const sampledRows = 2_000;

/** @throws Error where a row is missing, doubled or wrong, or the account does not close: then no time counts */
export async function verify(
  database: Pick<FreshDatabase, "query">,
  backlog: Backlog,
  expected: Expected,
  leaves: Leaves,
  keyRing: string,
): Promise<void> {
  if (leaves === "none") return;
  await verifyRows(database, expected.rows, leaves === "account" || expected.duplicates === 0);
  await verifySample(database, backlog.pool.row, leaves === "hashes" ? null : keyRing);
  if (leaves === "account") await verifyAccount(database, expected);
}

/** @param exactly a message that came twice may not be two rows */
export async function verifyRows(
  database: Pick<FreshDatabase, "query">,
  rows: ReadonlyMap<string, number>,
  exactly: boolean,
): Promise<void> {
  const found = await database.query<{ user_id: string; count: number }>(
    "SELECT user_id, count(*)::int AS count FROM public.user_logins GROUP BY user_id",
  );
  let [lost, doubled, strangers] = [0, 0, 0];
  const left = new Map(rows);
  for (const { user_id: user, count } of found) {
    const wanted = left.get(user);
    left.delete(user);
    if (wanted === undefined) strangers += count;
    else if (count < wanted) lost += wanted - count;
    // without receipts a message that comes twice is two rows, never more
    else if (count > (exactly ? wanted : wanted * 2)) doubled += count - wanted;
  }
  for (const count of left.values()) lost += count;
  if (lost > 0 || doubled > 0 || strangers > 0) {
    throw new Error(`not what was sent: ${lost} rows lost, ${doubled} too many, ${strangers} that nobody sent`);
  }
}

interface SampleRow {
  readonly user_id: string;
  readonly device_type: string;
  readonly masked_ip: string;
  readonly masked_device_id: string;
  readonly locale: string | null;
  readonly app_version: number;
  readonly dated: boolean;
}

/** @param keyRing null where what stands in place of the values cannot be opened */
export async function verifySample(
  database: Pick<FreshDatabase, "query">,
  sent: readonly PooledBody[],
  keyRing: string | null,
): Promise<void> {
  const opener = keyRing === null ? null : await TokenOpener.of(keyRing);
  const byUser = new Map(sent.map((pooled) => [pooled.login.user_id, pooled]));
  const step = Math.max(1, Math.floor(sent.length / sampledUsers));
  const users = sent.filter((_, place) => place % step === 0).map(({ login }) => login.user_id);
  const rows = await database.query<SampleRow>(
    `SELECT user_id, device_type, masked_ip, masked_device_id, locale, app_version, create_date IS NOT NULL AS dated
    FROM public.user_logins WHERE user_id = ANY ($1) LIMIT ${sampledRows}`,
    [users],
  );
  for (const row of rows) {
    const pooled = byUser.get(row.user_id);
    const fault = pooled === undefined ? "nobody sent it" : faultOf(row, pooled, opener);
    if (fault !== null) throw new Error(`a row is not what was sent: ${fault}`);
  }
}

function faultOf(row: SampleRow, { login, body }: PooledBody, opener: TokenOpener | null): string | null {
  if (row.device_type !== login.device_type || row.locale !== login.locale || !row.dated) return "a plain column differs";
  if (row.app_version !== Number.parseInt(login.app_version, 10)) return "the version differs";
  if (opener === null)
    return row.masked_ip === login.ip || row.masked_device_id === login.device_id ? "a value is not masked" : null;
  return tokenFault(row, body, opener);
}

/** @returns what is wrong with a row's tokens, read against the body that was sent */
export function tokenFault(
  row: Pick<SampleRow, "masked_ip" | "masked_device_id">,
  body: string,
  opener: TokenOpener,
): string | null {
  const { ip, deviceId } = plainValues(body);
  if (opener.open(row.masked_ip, "login.ip")?.toString("hex") !== ip) return "the address's token does not open to it";
  const device = opener.open(row.masked_device_id, "login.device_id");
  return device?.toString("utf8") === deviceId ? null : "the device's token does not open to it";
}

async function verifyAccount(database: Pick<FreshDatabase, "query">, expected: Expected): Promise<void> {
  const { messages, duplicates, row, broken, refused } = expected;
  const [found] = await database.query<Record<string, number>>(
    `SELECT (SELECT count(*)::int FROM maskline.receipt) AS receipts,
      (SELECT count(*)::int FROM maskline.quarantine) AS quarantine,
      sum(loaded)::int AS loaded, sum(duplicate)::int AS duplicate, sum(quarantined)::int AS quarantined, sum(returned)::int AS returned,
      (SELECT sum(difference)::int FROM maskline.account) AS difference
    FROM maskline.ledger`,
  );
  const wanted: Record<string, number> = {
    receipts: messages,
    quarantine: broken + refused,
    loaded: row,
    // one that comes again before the answer to its delete is the same delivery under a newer handle
    duplicate: Math.min(duplicates, found?.["duplicate"] ?? -1),
    quarantined: broken + refused,
    returned: 0,
    difference: 0,
  };
  const faults = Object.keys(wanted).filter((name) => found?.[name] !== wanted[name]);
  if (faults.length > 0) {
    throw new Error(
      `the account does not close: ${faults.map((name) => `${name} ${found?.[name]}, not ${wanted[name]}`).join("; ")}`,
    );
  }
}
