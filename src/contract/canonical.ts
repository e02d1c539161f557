import type { ColumnType } from "./column.ts";
import { longestEmail } from "./email.ts";
import type { Reason } from "./fault.ts";

/**
 * Of the canonical forms of all types together, as this file lists them. A change that gives any value another form changes its tokens,
 * so it counts up and needs a rekey; reading a spelling that was refused before does not.
 */
export const canonicalVersion = 1;

/**
 * The one form that all spellings of a value are brought into before they are masked, compared or stored: equal values, equal tokens.
 * The readers do it; this table says it, the tests hold the one to the other, and docs/reference/canonical-forms.md is made from it.
 */
export interface CanonicalForm {
  readonly form: string;
  /** The longest it can be, in bytes of UTF-8 and so in characters too; null where only the column's `max` limits it. */
  readonly longest: number | null;
  /** What events carry (JSON), and the canonical text that masks get. */
  readonly read: readonly Spelling[];
  /** What is none, though some would take it for one. */
  readonly refused: readonly Refused[];
}

type Spelling = readonly [sent: unknown, canonical: string];
type Refused = readonly [sent: unknown, reason: Reason, why: string];

/** What is long enough for a type's own limit, and shown in a few characters. */
const tooManyDigits = "1".repeat(1001);

export const canonicalForms: Readonly<Record<ColumnType, CanonicalForm>> = {
  text: {
    form: "In a masked column: without spaces at its ends, in Unicode's form NFC; case counts. In a plain column: as it was sent.",
    longest: null,
    read: [
      [" Jose\u0301\n", "Jos\u00e9"],
      ["593-47-5928", "593-47-5928"],
      ["Ann", "Ann"],
      ["ann", "ann"],
    ],
    refused: [
      ["a\0b", "bad_character", "PostgreSQL stores no NUL"],
      ["a\ud800", "bad_character", "half a surrogate pair is no character: all of them would become one"],
      [
        `a${"\u0301".repeat(31)}`,
        "bad_character",
        "more than 30 combining marks in a row: no text has them (UAX #15, section 13), and NFC would take hours",
      ],
      [" ", "missing", "blank: as a value it would become a token shared by all who have none"],
      [7, "wrong_type", "a number has lost what made it a text (leading zeros)"],
    ],
  },
  integer: {
    form: "Decimal digits without leading zeros, a minus where it is negative; -2^63 to 2^63-1.",
    longest: 20,
    read: [
      [7, "7"],
      ["7", "7"],
      [-12, "-12"],
      ["-0", "0"],
      ["9223372036854775807", "9223372036854775807"],
    ],
    refused: [
      ["+1", "bad_format", "a plus sign"],
      ["007", "bad_format", "leading zeros are those of an identifier: use type text"],
      [" 7", "bad_format", "a space"],
      ["1e3", "bad_format", "an exponent, as text"],
      [1.5, "bad_format", "a fraction"],
      [2 ** 53, "out_of_range", "a JSON number from 2^53 on has been rounded already: send it as text"],
      ["9223372036854775808", "out_of_range", "more than a bigint holds"],
    ],
  },
  number: {
    form: "Plain decimals: no exponent, no zeros at the end of a fraction, no minus zero. A JSON number is the double that readers of JSON make of it: where more digits count, send a text.",
    longest: 1000,
    read: [
      [1.5, "1.5"],
      ["1.50", "1.5"],
      [1.25e-7, "0.000000125"],
      ["-0.00", "0"],
      [1e21, "1000000000000000000000"],
    ],
    refused: [
      ["1,5", "bad_format", "a comma"],
      ["+1", "bad_format", "a plus sign"],
      [".5", "bad_format", "no digit before the point"],
      ["1e5", "bad_format", "an exponent, as text"],
      [tooManyDigits, "out_of_range", "more than 1000 digits"],
    ],
  },
  boolean: {
    form: "true or false.",
    longest: 5,
    read: [
      [true, "true"],
      [false, "false"],
    ],
    refused: [
      ["true", "wrong_type", "a text"],
      [1, "wrong_type", "a number"],
    ],
  },
  uuid: {
    form: "Lower case with hyphens (RFC 9562 section 4), any version.",
    longest: 36,
    read: [
      ["0D9C26F0-8A5B-4C39-9D0E-5A2F6F5F7F11", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"],
      ["0d9c26f08a5b4c399d0e5a2f6f5f7f11", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"],
      ["{0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11}", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"],
      ["urn:uuid:0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"],
      [" 0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11\n", "0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11"],
    ],
    refused: [
      ["0d9c26f08a5b-4c39-9d0e-5a2f6f5f7f11", "bad_format", "hyphens in some of the places"],
      ["{0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f11", "bad_format", "one brace"],
      ["0d9c26f0-8a5b-4c39-9d0e-5a2f6f5f7f1", "bad_format", "a digit is missing"],
    ],
  },
  ip: {
    form: "RFC 5952 (lower case, the longest run of zero groups as ::); an IPv4-mapped IPv6 address is the IPv4 address.",
    longest: 39,
    read: [
      [" 203.0.113.7 ", "203.0.113.7"],
      ["::ffff:203.0.113.7", "203.0.113.7"],
      ["0:0:0:0:0:FFFF:CB00:7107", "203.0.113.7"],
      ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
      ["2001:0db8::0001", "2001:db8::1"],
      ["::13.1.68.3", "::d01:4403"],
    ],
    refused: [
      ["203.0.113.07", "bad_format", "a leading zero, which some programs read as octal"],
      ["203.0.113", "bad_format", "three octets, which some programs fill up"],
      ["3405803783", "bad_format", "an address as one number"],
      ["fe80::1%eth0", "bad_format", "a zone: it means something on one machine only"],
      ["203.0.113.0/24", "bad_format", "a network"],
      ["203.0.113.7:443", "bad_format", "a port"],
      ["[2001:db8::1]", "bad_format", "brackets"],
      ["203.0.113.7, 198.51.100.2", "bad_format", "a list, as X-Forwarded-For has it"],
    ],
  },
  email: {
    form: "local@domain in NFC: the domain in lower case as it stands in the DNS (xn-- labels, no dot at its end), the local part as sent.",
    longest: longestEmail,
    read: [
      [" Ann.Lee@Example.COM ", "Ann.Lee@example.com"],
      ["ann.lee@example.com.", "ann.lee@example.com"],
      ["ann@M\u00dcNCHEN.de", "ann@xn--mnchen-3ya.de"],
      ["ann@mu\u0308nchen.de", "ann@xn--mnchen-3ya.de"],
      ["ann@XN--MNCHEN-3YA.de", "ann@xn--mnchen-3ya.de"],
      ["Jose\u0301@example.com", "Jos\u00e9@example.com"],
      ["ann+news@example.com", "ann+news@example.com"],
    ],
    refused: [
      ["Ann Lee <ann@example.com>", "bad_format", "a display name"],
      ["mailto:ann@example.com", "bad_format", "a link"],
      ["ann(home)@example.com", "bad_format", "a comment"],
      ['"ann lee"@example.com', "bad_format", "a quoted local part"],
      ["ann..lee@example.com", "bad_format", "an empty part between dots"],
      ["an\u200bn@example.com", "bad_format", "a character nobody sees, in the local part"],
      ["ann@[203.0.113.7]", "bad_format", "an address in place of a domain"],
      ["ann@203.0.113.7", "bad_format", "an address in place of a domain"],
      ["ann@localhost", "bad_format", "a host without a dot: another machine everywhere"],
      ["ann@my_host.example.com", "bad_format", "an underscore in the domain (RFC 5321 section 4.1.2)"],
      ["ann@example.com/inbox", "bad_format", "anything behind the domain"],
      [`${"a".repeat(65)}@example.com`, "bad_format", "more than 64 bytes before the @"],
      [`a@${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(63)}.${"e".repeat(58)}.org`, "bad_format", "more than 254 bytes"],
    ],
  },
  date: {
    form: "YYYY-MM-DD, the years 0001 to 9999; of a point in time, its day in UTC.",
    longest: 10,
    read: [
      ["2024-01-31", "2024-01-31"],
      ["2024-01-31T23:30:00Z", "2024-01-31"],
      ["2024-02-01T01:30:00+02:00", "2024-01-31"],
    ],
    refused: [
      ["2024-02-30", "bad_format", "no such day"],
      ["31/01/2024", "bad_format", "another order: day or month first is a guess"],
      ["2024-01-31T23:30:00", "bad_format", "a time without its offset"],
      [1_706_745_599, "wrong_type", "a number: read it as a timestamp"],
    ],
  },
  timestamp: {
    form: "UTC as YYYY-MM-DDTHH:MM:SS[.ffffff]Z, no zeros at the end of a fraction, cut at microseconds; the years 0001 to 9999.",
    longest: 27,
    read: [
      ["2024-01-31T23:59:59Z", "2024-01-31T23:59:59Z"],
      ["2024-02-01 01:59:59.000+02:00", "2024-01-31T23:59:59Z"],
      ["2024-01-31t23:59:59.1234567z", "2024-01-31T23:59:59.123456Z"],
      [1_706_745_599, "2024-01-31T23:59:59Z"],
      [1_706_745_599_500, "2024-01-31T23:59:59.5Z"],
    ],
    refused: [
      ["2024-01-31T23:59:59", "bad_format", "no offset: it could be any of 26 hours"],
      ["2024-01-31", "bad_format", "a day is no point in time"],
      ["1706745599", "bad_format", "seconds as text"],
      [1_706_745_599.5, "bad_format", "a fraction of a JSON number: whole seconds or milliseconds"],
    ],
  },
  version: {
    form: "One to four numbers with dots between them, stored as the column's `as` says (here major).",
    longest: 39,
    read: [
      ["2.3.0", "2"],
      [" 10.1 ", "10"],
      ["007", "7"],
    ],
    refused: [
      ["v2.3", "bad_format", "a letter"],
      ["2.3.0-beta", "bad_format", "a suffix"],
      ["1.2.3.4.5", "bad_format", "five numbers"],
      [2.3, "wrong_type", "a number: 2.10 and 2.1 would be one"],
    ],
  },
  json: {
    form: "JSON without spaces; of members that come twice, the last. Cannot be masked but by null.",
    longest: null,
    read: [
      [{ b: 1, a: [true, null] }, '{"b":1,"a":[true,null]}'],
      ["text", '"text"'],
    ],
    refused: [
      [{ a: "\0" }, "bad_character", "PostgreSQL stores no NUL, nor half a surrogate pair, at any depth"],
      [2 ** 53, "out_of_range", "a JSON number from 2^53 on has been rounded already: send it as text"],
    ],
  },
};
