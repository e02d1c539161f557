import type { TokenOpener } from "./token-opener.ts";

/** A message as it was sent, and what is to become of it. */
export interface Sent {
  readonly id: string;
  readonly body: string;
  readonly fate: "row" | "quarantine";
}

/** A row of user_logins, every column as text. */
export interface LoginRow {
  readonly user_id: string;
  readonly device_type: string;
  readonly masked_ip: string | null;
  readonly masked_device_id: string | null;
  readonly locale: string | null;
  readonly app_version: string;
  readonly create_date: string;
}

/** All that can have become of the messages. Ids are message ids. */
export interface Found {
  readonly rows: readonly LoginRow[];
  readonly quarantined: readonly string[];
  readonly deadLetters: readonly string[];
  /** Still in the queue. */
  readonly waiting: readonly string[];
  /** By their user_id: rows that an erasure was to take every token from. */
  readonly nulled?: ReadonlySet<string>;
}

/** Message ids, at most a few of them for a person to look at, and how many there are. */
export interface Named {
  readonly count: number;
  readonly examples: readonly string[];
}

export interface Verdict {
  readonly sent: number;
  /** Neither a row nor in the quarantine nor a dead letter, nor still in the queue. */
  readonly lost: Named;
  /** Still in the queue, whether they have had their effect or not. */
  readonly waiting: Named;
  /** Effects beyond the first one of their message. */
  readonly doubled: Named;
  /** Rows of which a column is not what was sent, or whose token does not open to it. */
  readonly wrong: Named;
  /** Rows and quarantined messages that nobody sent. */
  readonly strangers: Named;
  /** Good messages in the quarantine. */
  readonly falseQuarantines: Named;
  /** Bad messages in the table. */
  readonly falseRows: Named;
  /** Good messages in the dead-letter queue. */
  readonly falseDeadLetters: Named;
  readonly deadLetters: number;
}

const examplesKept = 3;

/**
 * Compares what was sent with what is there. Knows nothing of how the product works: a row belongs to the message with its user_id, values
 * are read from the sent body here, and tokens are opened by an implementation of their published format.
 */
export function judge(sent: readonly Sent[], found: Found, opener: TokenOpener): Verdict {
  const { rows, quarantined, deadLetters, waiting, nulled } = found;
  const byId = new Map(sent.map((message) => [message.id, message]));
  const byUser = new Map(sent.flatMap((message) => (message.fate === "row" ? [[userOf(message.body), message]] : [])));
  const good = sent.filter(({ fate }) => fate === "row").length;
  if (byId.size !== sent.length || byUser.size !== good) throw new Error("sent messages cannot be told apart");

  const effects = new Map<string, number>();
  const strangers: string[] = [];
  const wrong: string[] = [];
  const falseRows: string[] = [];
  const note = (id: string): void => void effects.set(id, (effects.get(id) ?? 0) + 1);
  for (const row of rows) {
    const message = byUser.get(row.user_id) ?? sent.find(({ fate, body }) => fate === "quarantine" && body.includes(row.user_id));
    if (message === undefined) {
      strangers.push("a row");
      continue;
    }
    note(message.id);
    if (message.fate === "quarantine") falseRows.push(message.id);
    else if (!isRowOf(row, message.body, nulled?.has(row.user_id) === true ? null : opener)) wrong.push(message.id);
  }
  for (const id of quarantined) {
    if (byId.has(id)) note(id);
    else strangers.push(id);
  }
  const elsewhere = new Set([...deadLetters, ...waiting]);
  return {
    sent: sent.length,
    lost: named(sent.flatMap(({ id }) => (effects.has(id) || elsewhere.has(id) ? [] : [id]))),
    waiting: named(waiting),
    doubled: named([...effects].flatMap(([id, times]) => Array.from({ length: times - 1 }, () => id))),
    wrong: named(wrong),
    strangers: named(strangers),
    falseQuarantines: named(quarantined.filter((id) => byId.get(id)?.fate === "row")),
    falseRows: named(falseRows),
    falseDeadLetters: named(deadLetters.filter((id) => byId.get(id)?.fate === "row")),
    deadLetters: deadLetters.length,
  };
}

function named(ids: readonly string[]): Named {
  return { count: ids.length, examples: ids.slice(0, examplesKept) };
}

/** A login event as its producer writes it. */
interface Login {
  readonly user_id: string;
  readonly app_version: string;
  readonly device_type: string;
  readonly ip: string;
  readonly locale?: string | null;
  readonly device_id: string;
}

function read(body: string): Login {
  return JSON.parse(body) as Login;
}

function userOf(body: string): string {
  return read(body).user_id;
}

/** The personal values of a good message: those that are equal are the same one, however they are written. */
export function plainValues(body: string): { readonly ip: string; readonly deviceId: string } {
  const { ip, device_id: deviceId } = read(body);
  return { ip: addressBytes(ip).toString("hex"), deviceId };
}

/** @param opener null for a row that must hold no tokens any more */
function isRowOf(row: LoginRow, body: string, opener: TokenOpener | null): boolean {
  const login = read(body);
  const day = (offsetDays: number): string => new Date(Date.now() + offsetDays * 86_400_000).toISOString().slice(0, 10);
  return (
    row.device_type === login.device_type &&
    row.locale === (login.locale ?? null) &&
    row.app_version === String(Number(login.app_version.split(".")[0])) &&
    // sent just now; midnight may lie between
    (row.create_date === day(0) || row.create_date === day(-1)) &&
    (opener === null ? row.masked_ip === null && row.masked_device_id === null : holdsTokensOf(row, login, opener))
  );
}

function holdsTokensOf({ masked_ip: ip, masked_device_id: device }: LoginRow, login: Login, opener: TokenOpener): boolean {
  if (ip === null || device === null) return false;
  return (
    opener.open(ip, "login.ip")?.equals(addressBytes(login.ip)) === true &&
    opener.open(device, "login.device_id")?.toString("utf8") === login.device_id
  );
}

/** The 16 bytes of an address; IPv4 is mapped into IPv6 (RFC 4291 section 2.5.5.2). */
function addressBytes(text: string): Buffer {
  const dotted = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/i.exec(text);
  if (dotted) return Buffer.from([...Array<number>(10).fill(0), 0xff, 0xff, ...dotted.slice(1).map(Number)]);
  const [before = "", after] = text.split("::");
  const groups = (part: string): readonly string[] => (part === "" ? [] : part.split(":"));
  const [left, right] = [groups(before), groups(after ?? "")];
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  return Buffer.from([...left, ...zeros, ...right].map((group) => group.padStart(4, "0")).join(""), "hex");
}
