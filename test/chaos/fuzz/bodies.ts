import * as fc from "fast-check";

import { refusedByTable } from "./contract.ts";

/** Stands in what is sent and can be personal: nothing that is kept of a refused message in the clear may hold it. */
export const marker = "qXz7";

type JsonText = fc.Arbitrary<string>;

const quoted = (text: fc.Arbitrary<string>): JsonText => text.map((value) => JSON.stringify(value));

/** What no generator of values makes: JSON that says more than JavaScript's values can hold. */
const oddJson: JsonText = fc.constantFrom(
  ...["1e400", "-1e400", "-0", "-0.0", "1E5", "9007199254740993", "9".repeat(400), `0.${"3".repeat(400)}`, "1e-400"],
  ...['"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"a\\u0000b"', '"\\u202e"', `"${marker}\\ud83d"`, '"\u2028"', '""', '" "'],
  ...[
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    '{"__proto__": {"a": 1}}',
    '{"constructor": {"prototype": {"a": 1}}}',
    '{"a": 1, "a": 2}',
  ],
  ...[50, 499, 500, 501, 5_000].flatMap((depth) => [
    `${"[".repeat(depth)}${"]".repeat(depth)}`,
    `${'{"client":'.repeat(depth)}"${marker}"${"}".repeat(depth)}`,
  ]),
  ...["[", "{", '"', "nul", "NaN", "Infinity", "+1", "01", "1.", "'a'", "undefined", "/**/1", "\ufeff1"],
);

const anyText = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme-ascii", maxLength: 40 }),
  fc.string({ maxLength: 20 }).map((text) => marker + text),
  fc
    .constantFrom(...["a", "1", ".", ":", "@", " ", "\u0301", "a@", "1.", "ffff:", "-", "{{pii:"])
    .chain((piece) => fc.integer({ min: 1, max: 2_000 }).map((times) => piece.repeat(times))),
);
const anyJson: JsonText = fc.oneof(
  { weight: 4, arbitrary: quoted(anyText) },
  { weight: 3, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 2, arbitrary: oddJson },
  { weight: 1, arbitrary: fc.oneof(fc.integer(), fc.double(), fc.bigInt()).map(String) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.stringify([marker, value])) },
);

const uuid = quoted(fc.uuid());
const address = quoted(
  fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.ipV4().map((ip) => ` ::ffff:${ip}\n`),
  ),
);
const mail = quoted(fc.emailAddress());
const instant = fc
  .date({ noInvalidDate: true, min: new Date("1960-01-01T00:00:00Z"), max: new Date("2100-01-01T00:00:00Z") })
  .map((date) => JSON.stringify(date.toISOString()));
const socialNumber = fc.integer({ min: 0, max: 999_999_999 }).map((number) => {
  const digits = String(number).padStart(9, "0");
  return `"${digits.slice(0, 3)}-${digits.slice(3, 5)}-${digits.slice(5)}"`;
});

/** Values that fit the contract, each as people write it. */
const fitting = {
  user_id: uuid,
  device_type: fc.constantFrom('"ios"', '"android"'),
  locale: fc.constantFrom('"FR"', '"en_US"', "null"),
  logins: fc.maxSafeInteger().map(String),
  score: fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  ),
  trusted: fc.constantFrom("true", "false"),
  app_version: fc.tuple(fc.nat(40), fc.nat(99), fc.nat(99)).map((parts) => `"${parts.join(".")}"`),
  born: instant.map((text) => `${text.slice(0, 11)}"`),
  seen: instant.map((text) => `{"at": ${text}}`),
  account: uuid,
  ip: address,
  mail,
  device_id: socialNumber,
  ssn: socialNumber,
  notes: quoted(
    fc
      .tuple(anyText, fc.ipV4(), fc.emailAddress())
      .map(([text, ip, to]) => `${text.replaceAll(/[\0\ud800-\udfff]/g, "")} ${ip} <${to}>`),
  ),
  details: fc
    .tuple(address, mail, mail)
    .map(([ip, one, other]) => `{"client": {"ip": ${ip}}, "people": [{"mail": ${one}}, {"mail": ${other}}, {}]}`),
} as const satisfies Readonly<Record<string, JsonText>>;

type Member = readonly [key: string, json: string];
const names = Object.keys(fitting);
const login: fc.Arbitrary<readonly Member[]> = fc.record(fitting).map((fields) => Object.entries(fields));

/** What is done to an event that fits. Most events have one or none of it, so that every field is reached by itself. */
const change: fc.Arbitrary<(members: readonly Member[]) => readonly Member[]> = fc.oneof(
  fc.tuple(fc.constantFrom(...names), anyJson).map(
    ([name, json]) =>
      (members: readonly Member[]) =>
        members.map((member): Member => (member[0] === name ? [name, json] : member)),
  ),
  fc
    .tuple(fc.constantFrom(...names, "__proto__", "constructor"), anyJson)
    .map((added) => (members: readonly Member[]) => [...members, added]),
  fc.tuple(fc.constantFrom(...names, "__proto__"), anyJson).map((added) => (members: readonly Member[]) => [added, ...members]),
  fc.constantFrom(...names).map((name) => (members: readonly Member[]) => members.filter(([key]) => key !== name)),
  fc.tuple(anyText, anyJson).map(([name, json]) => (members: readonly Member[]) => [
    ...members,
    [`${marker}${name}`, json] as const,
  ]),
  fc.constant((members: readonly Member[]) =>
    members.map(([key, json]): Member => [key === "device_id" ? "DEVICE_ID" : key, json]),
  ),
);

const write = (members: readonly Member[]): string =>
  `{${members.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(",")}}`;

const changed = (most: number): fc.Arbitrary<string> =>
  fc
    .tuple(login, fc.array(change, { maxLength: most }))
    .map(([members, changes]) => write(changes.reduce((now, apply) => apply(now), members)));

/** A text that breaks off, or has one character changed. */
const damaged: fc.Arbitrary<string> = fc
  .tuple(changed(1), fc.nat(), fc.option(fc.string({ unit: "binary", minLength: 1, maxLength: 1 })))
  .map(([text, place, instead]) => {
    const at = place % text.length;
    return instead === null ? text.slice(0, at) : text.slice(0, at) + instead + text.slice(at + 1);
  });

/** Any body at all: events that fit and nearly fit, any JSON, any text, any bytes. */
export const anyBody: fc.Arbitrary<string> = fc.oneof(
  { weight: 40, arbitrary: changed(1) },
  { weight: 12, arbitrary: changed(4) },
  { weight: 8, arbitrary: damaged },
  { weight: 4, arbitrary: anyJson },
  { weight: 4, arbitrary: anyText },
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes).toString("latin1")) },
  { weight: 1, arbitrary: fc.tuple(changed(0), fc.integer({ min: 60_000, max: 70_000 })).map(([text, size]) => text.padEnd(size)) },
);

/** An event that the contract takes and the database refuses. */
export const bodyForTheTable: fc.Arbitrary<string> = login.map((members) =>
  write(members.map(([key, json]): Member => (key === "device_type" ? [key, JSON.stringify(refusedByTable)] : [key, json]))),
);

export function draw(bodies: fc.Arbitrary<string>, count: number, seed: number): readonly string[] {
  return fc.sample(bodies, { numRuns: count, seed });
}
