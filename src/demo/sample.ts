import { type Login, loginGenerator } from "./sample-login.ts";
import { sampleRandom } from "./sample-random.ts";

/** The ways in which a sample message can be bad. */
export const badKinds = [
  "wrong_message_type",
  "not_json",
  "null_body",
  "list_body",
  "number_body",
  "missing_ip",
  "null_device_id",
  "ip_not_an_address",
  "version_not_numeric",
  "long_user_id",
  "nul_in_locale",
  "number_as_user_id",
  "s3_pointer",
] as const;

export type BadKind = (typeof badKinds)[number];

/** One message of the sample. */
export interface SampleEvent {
  readonly body: string;
  readonly kind: "login" | BadKind;
  /** To be sent twice, as a queue that delivers at least once does. */
  readonly redeliver: boolean;
}

export interface SampleOptions {
  readonly count: number;
  /** A whole number; the same count and seed give the same events. */
  readonly seed: number;
}

const badShare = 0.015;
const redeliveredShare = 0.01;
/** From this count on every kind of bad message is there at least once. */
const allKindsFrom = 200;
const oneBadFrom = 20;

/** Login events as their producer writes them, among them shared devices and addresses, redeliveries and bad messages. Drawn one by one. */
export function* sampleEvents({ count, seed }: SampleOptions): Generator<SampleEvent, void, undefined> {
  const random = sampleRandom(seed);
  const nextLogin = loginGenerator(random);
  const badCount = badCountOf(count);
  // One bad message in each of `badCount` equal stretches: spread out, and exactly as many as promised.
  const badPlace = (bad: number): number => {
    const start = Math.floor((bad * count) / badCount);
    const end = Math.floor(((bad + 1) * count) / badCount);
    return start + random.below(end - start);
  };
  let bad = 0;
  let nextBad = badCount === 0 ? count : badPlace(bad);
  for (let place = 0; place < count; place += 1) {
    const login = nextLogin();
    if (place < nextBad) {
      yield { body: pythonJson({ ...login }), kind: "login", redeliver: random.chance(redeliveredShare) };
      continue;
    }
    const kind = badKinds[bad % badKinds.length] as BadKind;
    yield { body: spoil[kind](login), kind, redeliver: false };
    bad += 1;
    nextBad = bad === badCount ? count : badPlace(bad);
  }
}

function badCountOf(count: number): number {
  const share = Math.round(count * badShare);
  if (count >= allKindsFrom) return Math.max(share, badKinds.length);
  return count < oneBadFrom ? 0 : Math.max(1, Math.floor((count * badKinds.length) / allKindsFrom));
}

const spoil: Readonly<Record<BadKind, (login: Login) => string>> = {
  wrong_message_type: () => pythonJson({ foo: "oops_wrong_msg_type", bar: "123" }),
  not_json: (login) => pythonJson({ ...login }).slice(0, -1),
  null_body: () => "null",
  list_body: (login) => `[${pythonJson({ ...login })}]`,
  number_body: () => "42",
  missing_ip: (login) => pythonJson({ ...login, ip: undefined }),
  null_device_id: (login) => pythonJson({ ...login, device_id: null }),
  ip_not_an_address: (login) => pythonJson({ ...login, ip: "unknown" }),
  version_not_numeric: (login) => pythonJson({ ...login, app_version: "2.3.0-beta" }),
  long_user_id: (login) => pythonJson({ ...login, user_id: login.user_id.repeat(4) }),
  nul_in_locale: (login) => pythonJson({ ...login, locale: "R\0U" }),
  number_as_user_id: (login) => pythonJson({ ...login, user_id: 424_242 }),
  s3_pointer: () =>
    `["software.amazon.payloadoffloading.PayloadS3Pointer", ${pythonJson({ s3BucketName: "logins", s3Key: "0b4d5f" })}]`,
};

/** JSON with the separators of Python's json.dumps, which writes the real events. Fields without a value are left out. */
function pythonJson(fields: Readonly<Record<string, string | number | null | undefined>>): string {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  return `{${present.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`).join(", ")}}`;
}
