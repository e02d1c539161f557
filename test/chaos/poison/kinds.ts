import type { Reason } from "../../../src/contract/fault.ts";
import type { Login } from "../../../src/demo/sample-login.ts";

/** The contract of the login events, with one more column of each kind that is worth attacking, and bodies up to half a mebibyte. */
export const poisonConfiguration = `
source: { sqs: { queue: QUEUE, region: us-east-1, wait_seconds: 1 } }
keyring: KEYRING
sink: { postgres: { url: "DATABASE", table: public.user_logins } }
limits: { refused: null, share: null, body_bytes: 524288 }
columns:
  user_id: { type: text, max: 128, required: true }
  device_type: { type: text, max: 32, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  locale: { type: text, max: 32 }
  app_version: { type: version, as: major, required: true }
  logins: { type: integer }
  mail: { type: email, required: false, mask: { kind: hmac, domain: login.mail } }
  notes: { type: text }
  details: { type: json, paths: { client.ip: { type: ip, mask: { kind: siv, domain: login.ip } } } }
`;

/** A table that refuses rows in each of its ways: a CHECK, a trigger, a row that its index has no room for. */
export const poisonTable = `CREATE TABLE user_logins (
    user_id varchar(128), device_type varchar(32) CONSTRAINT known_device CHECK (device_type <> 'toaster'), masked_ip varchar(256),
    masked_device_id varchar(256), locale varchar(32), app_version integer, logins bigint, mail varchar(256), notes text, details jsonb);
  CREATE INDEX by_notes ON user_logins (notes);
  CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'closed for %', NEW.user_id; END $$;
  CREATE TRIGGER closed BEFORE INSERT ON user_logins FOR EACH ROW WHEN (NEW.locale = 'XX') EXECUTE PROCEDURE closed()`;

export interface Kind {
  readonly name: string;
  /** Why it is refused; null where it is odd and fits all the same. */
  readonly reason: Reason | null;
  readonly body: (login: Login) => string;
}

const kibibyte = 1_024;
const deep = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
/** An event with one field in another way, or one field more. */
const having = (login: Login, name: string, json: string): string =>
  JSON.stringify({ ...login, [name]: "\u0001" }).replace('"\\u0001"', () => json);
const kind = (name: string, reason: Reason | null, body: Kind["body"]): Kind => ({ name, reason, body });
const field = (title: string, reason: Reason | null, name: string, json: string): Kind =>
  kind(title, reason, (login) => having(login, name, json));
/** Text that no compression makes smaller, so that an index has no room for it. */
const noise = (length: number, login: Login): string =>
  Array.from({ length }, (_, index) =>
    String.fromCodePoint(0x4e00 + ((Math.imul(index + login.user_id.length, 2_654_435_761) >>> 7) % 20_000)),
  ).join("");

/** What is refused: by the contract, in every way it can be made hard to read. */
export const refusedByContract: readonly Kind[] = [
  kind("no JSON", "not_json", (login) => `user ${login.user_id} logged in`),
  kind("JSON that breaks off", "not_json", (login) => JSON.stringify(login).slice(0, -7)),
  kind("100 KiB of [", "not_json", () => "[".repeat(100 * kibibyte)),
  kind("a list", "body_is_list", (login) => JSON.stringify([login])),
  kind("10,000 lists in each other", "body_is_list", () => deep(10_000)),
  kind("a text", "not_object", (login) => JSON.stringify(login.user_id)),
  kind("1 MiB", "too_large", (login) => JSON.stringify(login).padEnd(1_024 * kibibyte)),
  field("10,000 levels in a text", "wrong_type", "locale", deep(10_000)),
  field("10,000 levels in JSON", "bad_format", "details", deep(10_000)),
  field("half a surrogate pair", "bad_character", "locale", '"F\\ud800R"'),
  field("half a surrogate pair in JSON", "bad_character", "details", '{"\\udc00": 1}'),
  field("NUL", "bad_character", "user_id", '"u\\u00001"'),
  field("1e400", "out_of_range", "logins", "1e400"),
  field("400 digits", "out_of_range", "logins", "9".repeat(400)),
  field("1e400 in JSON", "out_of_range", "details", '{"a": [1e400]}'),
  field("__proto__ in place of a column's object", "wrong_type", "details", '{"client": "__proto__"}'),
  kind("all inside __proto__", "missing", (login) => `{"__proto__": ${JSON.stringify(login)}}`),
  kind("two of a name, the last bad", "wrong_type", (login) =>
    having(login, "user_id", `${JSON.stringify(login.user_id)}, "user_id": 7`),
  ),
  field("a slow version", "bad_format", "app_version", `"${"1.".repeat(50 * kibibyte)}"`),
  field("a slow address", "bad_format", "ip", `"${"1:".repeat(50 * kibibyte)}"`),
  field("a slow e-mail address", "bad_format", "mail", `"${"a@".repeat(50 * kibibyte)}"`),
  field("marks without end", "bad_character", "device_id", `"a${"\u0301".repeat(30 * kibibyte)}"`),
  field("one character 200,000 times", "too_long", "user_id", `"${"a".repeat(200 * kibibyte)}"`),
];

/** What the contract takes and the table refuses. */
export const refusedByTable: readonly Kind[] = [
  field("a CHECK", "refused_by_database", "device_type", '"toaster"'),
  field("a trigger", "refused_by_database", "locale", '"XX"'),
  kind("a row too large for an index", "refused_by_database", (login) =>
    having(login, "notes", JSON.stringify(noise(20_000, login))),
  ),
];

/** What only looks like poison, and is a row. */
export const odd: readonly Kind[] = [
  kind("two of a name, the last good", null, (login) => having(login, "ip", `7, "ip": ${JSON.stringify(login.ip)}`)),
  field("__proto__ beside the columns", null, "__proto__", '{"user_id": "x"}'),
  kind("__proto__ as text beside the columns", null, (login) =>
    JSON.stringify(login).replace("{", '{"__proto__": {"locale": 7}, "constructor": {"prototype": {}}, '),
  ),
  field("10,000 levels beside the columns", null, "rest", deep(10_000)),
  field("1e400 beside the columns", null, "rest", "1e400"),
  field("NUL and half pairs beside the columns", null, "rest", '"\\u0000\\ud800"'),
  field("a third of a MiB of one character", null, "rest", `"${"a".repeat(340 * kibibyte)}"`),
  field("minus zero", null, "logins", "-0"),
  field("a token-like text", null, "notes", '"{{pii:login.ip:AQAABNLtoken}}"'),
];
