import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { array, assert as check, constantFrom, dictionary, jsonValue, oneof, property, record, string } from "fast-check";

import { loadSettings } from "../../../src/app/config/load.ts";
import { starterConfig } from "../../../src/app/starter.ts";
import { MasklineError } from "../../../src/errors.ts";
import { faultsOf, load, oneColumn } from "../../harness/configuration.ts";

const databaseUrl = "postgres://u:p@127.0.0.1:5432/d";

suite("the faults of a configuration", () => {
  test("an authority that would verify nothing is refused", () => {
    const text = `sink: { postgres: { url: "${databaseUrl}", table: t, tls: require, ca: ca.pem } }\ncolumns: { a: { type: text } }\n`;
    assert.deepEqual(faultsOf(text), [
      "maskline.yaml:1  sink.postgres.ca  verifies nothing with tls: require; write tls: verify-full, or leave ca out",
    ]);
    assert.ok(load(text.replace("tls: require", "tls: verify-full")));
  });

  test("all of them come at once, with file, line, option, what was found and what is allowed", () => {
    const text = `pipelin: logins
source:
  sqs:
    queue: ftp://localhost/q
    protocol: jsn
    wait_seconds: 60
    parallel_calls: "8"
keyring: ./keyring.json
sink:
  postgres:
    table: a.b.c
    tls: yes
decode: [sns, zip]
columns:
  user_id:
    type: txt
    max: 0
  ip: { type: ip, max: 15 }
  version: { type: text, as: major }
run:
  lanes: 2.5
  batch_rows: 20000
limits:
  body_bytes: none
`;
    assert.deepEqual(faultsOf(text), [
      "maskline.yaml:1  pipelin  unknown option; did you mean pipeline?",
      'maskline.yaml:4  source.sqs.queue  found "ftp://localhost/q"; needed: The queue\'s URL, ending in /ACCOUNT/QUEUE-NAME. Its origin is the endpoint.',
      'maskline.yaml:5  source.sqs.protocol  found "jsn"; allowed: auto, json, query (did you mean json?)',
      "maskline.yaml:6  source.sqs.wait_seconds  found 60; allowed: 1 to 20",
      'maskline.yaml:7  source.sqs.parallel_calls  found "8"; allowed: a whole number',
      'maskline.yaml:8  keyring.from  found "./keyring.json"; needed: file:./keyring.json (beside this file), env:NAME (its text or base64, read only), aws-secretsmanager:NAME, aws-ssm:/NAME (a SecureString), or aws-kms:./keyring.json (a file that must be wrapped by KMS).',
      "maskline.yaml:10  sink.postgres.url  is missing: postgres://user:password@host:port/database. Best from the environment: ${DATABASE_URL}.",
      'maskline.yaml:12  sink.postgres.tls  found "yes"; allowed: off, require, verify-full',
      'maskline.yaml:13  decode.1  found "zip"; allowed: sns, eventbridge, base64, gzip (did you mean gzip?)',
      'maskline.yaml:16  columns.user_id.type  found "txt"; allowed: text, integer, number, boolean, uuid, ip, email, date, timestamp, version, json (did you mean text?)',
      "maskline.yaml:17  columns.user_id.max  found 0; allowed: 1 or more",
      'maskline.yaml:24  limits.body_bytes  found "none"; allowed: a whole number',
      "maskline.yaml:21  run.lanes  found 2.5; allowed: a whole number",
      "maskline.yaml:22  run.batch_rows  found 20000; allowed: 1 to 10000",
      "maskline.yaml:18  columns.ip.max  is for texts; this column is ip",
      "maskline.yaml:19  columns.version.as  is for type version; this column is text",
      'maskline.yaml:11  sink.postgres.table  is not of the form table, schema.table or "Schema"."table"',
    ]);
  });

  test("the error counts them and says where every option is described", () => {
    const error = thrownBy(() => load("run: { lanes: 0, batch_rows: 0 }\ncolumns: {}\n"));
    assert.equal(error.code, "config_invalid");
    assert.match(error.message, /maskline\.yaml has 3 faults$/);
    assert.match(error.next ?? "", /maskline init/);
    assert.match(thrownBy(() => load("columns: {}\n")).message, /has one fault$/);
  });

  test("a group that is empty, a text or a list is told as such", () => {
    assert.deepEqual(faultsOf("columns:\nsource: []\nsink: 5\nrun: fast\n"), [
      "maskline.yaml:2  source  found a list; allowed: a group of options",
      "maskline.yaml:3  sink  found 5; allowed: a group of options",
      "maskline.yaml:1  columns  found nothing; allowed: a group of options",
      "maskline.yaml:4  run  found a text; allowed: a group of options",
    ]);
    assert.deepEqual(faultsOf("columns: {}\n"), [
      "maskline.yaml:1  columns  is empty: The contract: the columns of a row, by their name in the table.",
    ]);
  });

  test("an unknown option lists the allowed ones where none is near", () => {
    assert.deepEqual(faultsOf(`${oneColumn}run: { threads: 3 }\n`), [
      "maskline.yaml:2  run.threads  unknown option; allowed: lanes, batch_rows, linger_ms, hold_seconds, stop_seconds, on_refused, refused, insecure",
    ]);
  });

  test("a column with an unknown option is still checked for everything else", () => {
    assert.deepEqual(faultsOf("columns: { a: { type: ip, length: 3, mask: { kind: siv } } }\n"), [
      "maskline.yaml:1  columns.a.length  unknown option; allowed: type, from, as, max, required, default, mask, paths, scan",
      "maskline.yaml:1  columns.a.mask.domain  is missing: siv derives its key from it; write for example domain: a",
    ]);
  });

  test("a file that is not there is named, with how to get one", () => {
    const error = thrownBy(() => loadSettings({ file: "/nowhere/maskline.yaml", environment: {}, overrides: [] }));
    assert.equal(error.code, "config_missing");
    assert.match(error.message, /^\/nowhere\/maskline\.yaml /);
    assert.match(error.next ?? "", /maskline init/);
  });
});

suite("a secret", () => {
  const canary = "canary4711";
  const secretUrl = `postgres://user:${canary}@host/db`;
  const places: Readonly<Record<string, readonly [text: string, environment?: Record<string, string>, set?: string[]]>> = {
    "of the wrong type": [sink(`[${JSON.stringify(secretUrl)}]`)],
    "of another scheme": [sink(`"mysql://user:${canary}@host/db"`)],
    "with a bad escape": [sink(`"postgres://user:${canary}%@host/db"`)],
    "with a slash in the password": [sink(`"postgres://user:1${canary}/x@host/db"`)],
    "with digits and a slash in the password": [sink(`"postgres://user:4711/${canary}@host/db"`)],
    "with a hash in the password": [sink(`"postgres://user:4711#${canary}@host/db"`)],
    "where a group belongs": [`${oneColumn}sink: ${secretUrl}\n`],
    "where the adapter's options belong": [`${oneColumn}sink: { postgres: "${secretUrl}" }\n`],
    "in the environment's own option": [sink('"${U}"'), { U: secretUrl, MASKLINE_SINK_POSTGRES_URL: `x${canary}` }],
    "from the environment, at another option": [`${oneColumn}sink: { postgres: { table: "\${U}", url: x } }\n`, { U: secretUrl }],
    "from the environment, where a choice belongs": [
      `${oneColumn}sink: { postgres: { table: t, url: "${databaseUrl}", tls: "\${U}" } }\n`,
      { U: canary },
    ],
    "in the queue's URL": [`${oneColumn}source: { sqs: { queue: "https://user:${canary}@host/q" } }\n`],
    "on the command line": [sink(`"${databaseUrl}"`), {}, [`sink.postgres.url=${secretUrl}`]],
    "on the command line, mistyped": [sink(`"${databaseUrl}"`), {}, [`sink.postgres.ur=${secretUrl}`]],
    "on the command line, alone": [sink(`"${databaseUrl}"`), {}, [secretUrl]],
    "in text that is not YAML": [`${oneColumn}sink: { postgres: { url: "${secretUrl} } }\n\t- ${canary}\n`],
    "written twice": [`${oneColumn}sink:\n  postgres:\n    url: ${secretUrl}\n    url: ${secretUrl}\n`],
  };
  for (const [place, [text, environment = {}, overrides = []]] of Object.entries(places)) {
    test(`is refused and not repeated ${place}`, () => {
      const error = thrownBy(() => load(text, { environment, overrides }));
      assert.doesNotMatch([error.message, error.next, ...error.details].join("\n"), new RegExp(canary));
    });
  }

  test("may not stand on a command line, and the error names the variable to use", () => {
    assert.deepEqual(faultsOf(sink(`"${databaseUrl}"`), { overrides: ["sink.postgres.url=x"] }), [
      "--set sink.postgres.url  is a secret and may not stand on a command line: use MASKLINE_SINK_POSTGRES_URL or ${NAME} in the file",
    ]);
  });
});

suite("what stands over what", () => {
  const text = `${oneColumn}run: { lanes: 3, batch_rows: 30 }\n`;

  test("defaults < file < environment < --set", () => {
    const environment = { MASKLINE_RUN_BATCH_ROWS: "40", MASKLINE_RUN_LANES: "4" };
    const { run } = load(text, { environment, overrides: ["run.lanes=5"] }).options;
    const defaults = {
      linger_ms: 500,
      hold_seconds: 120,
      stop_seconds: 25,
      on_refused: "continue",
      refused: "quarantine",
      insecure: false,
    };
    assert.deepEqual(run, { ...defaults, lanes: 5, batch_rows: 40 });
    assert.deepEqual(load(text).options.run, { ...defaults, lanes: 3, batch_rows: 30 });
    assert.deepEqual(load(oneColumn).options.run, { ...defaults, lanes: 2, batch_rows: 1000 });
  });

  test("the last of several --set wins, and a value may hold an equals sign", () => {
    const overrides = ["pipeline=a", "pipeline=b=c"];
    assert.equal(load(text, { overrides }).options.pipeline, "b=c");
  });

  test("a group that the file leaves out is made", () => {
    const environment = {
      MASKLINE_SINK_POSTGRES_URL: databaseUrl,
      MASKLINE_SINK_POSTGRES_TABLE: "t",
      MASKLINE_SOURCE_SQS_QUEUE: "http://h/1/q",
    };
    const { options, target: table } = load(`${oneColumn}sink:\n`, { environment });
    assert.deepEqual(table, { schema: "public", table: "t" });
    assert.equal(options.source?.sqs?.wait_seconds, 20, "with its defaults");
  });

  test("what stands in the way of a group is a fault, not overwritten", () => {
    assert.deepEqual(faultsOf(`${oneColumn}run: 5\n`, { environment: { MASKLINE_RUN_LANES: "3" } }), [
      "maskline.yaml:2  run  found 5; allowed: a group of options",
    ]);
  });

  test("a fault of a value that does not come from the file names where it was set", () => {
    const environment = { MASKLINE_RUN_LANES: "many", MASKLINE_SINK_POSTGRES_URL: "x", MASKLINE_SINK_POSTGRES_TABLE: "t" };
    assert.deepEqual(faultsOf(text, { environment, overrides: ["run.batch_rows=-1", "limits.body_bytes=1"] }), [
      "--set limits.body_bytes  limits.body_bytes  found 1; allowed: 1024 to 67108864",
      'MASKLINE_RUN_LANES  run.lanes  found "many"; allowed: a whole number',
      "--set run.batch_rows  run.batch_rows  found -1; allowed: 1 to 10000",
      "MASKLINE_SINK_POSTGRES_URL  sink.postgres.url  is not of the form postgres://user:password@host:port/database; in user and password, write / ? # @ and % percent-encoded (%2F %3F %23 %40 %25)",
    ]);
  });

  test("an option that may be null is set to a number or to null", () => {
    const environment = { MASKLINE_LIMITS_REFUSED: "null", MASKLINE_LIMITS_WINDOW: "50" };
    const { limits } = load(oneColumn, { environment, overrides: ["limits.share=0.25"] }).options;
    assert.deepEqual([limits.refused, limits.share, limits.window], [null, 0.25, 50]);
    const whole = load(oneColumn, { overrides: ["limits.refused=7", "limits.share=1"] }).options.limits;
    assert.deepEqual([whole.refused, whole.share], [7, 1]);
    assert.deepEqual(faultsOf(oneColumn, { overrides: ["limits.refused=0.5", "limits.window=null", "limits.share=much"] }), [
      '--set limits.refused  limits.refused  found "0.5"; allowed: a whole number or null',
      '--set limits.share  limits.share  found "much"; allowed: number or null',
      '--set limits.window  limits.window  found "null"; allowed: a whole number',
    ]);
  });

  test("an unknown MASKLINE_ variable is refused, with the nearest one", () => {
    assert.deepEqual(faultsOf(text, { environment: { MASKLINE_RUN_LANE: "3", MASKLINE_HOMEPAGE: "x" } }), [
      "MASKLINE_RUN_LANE  is in the environment and no option of maskline; did you mean MASKLINE_RUN_LANES?",
      "MASKLINE_HOMEPAGE  is in the environment and no option of maskline",
    ]);
    assert.deepEqual(faultsOf(text, { environment: { MASKLINER: "x", PATH: "/bin" } }), [], "others are none of ours");
  });

  test("a --set that names no option, or has no value, is refused", () => {
    assert.deepEqual(faultsOf(text, { overrides: ["run.lane=3", "run.lanes", "columns.user_id.type=ip"] }), [
      "--set run.lane  is not an option that can be set here; did you mean run.lanes?",
      "--set run.lanes  is not of the form run.lanes=VALUE",
      "--set columns.user_id.type  is not an option that can be set here; columns and lists are set in the file",
    ]);
  });
});

suite("the configuration as it is used", () => {
  test("the starter file loads clean and says what it says in the design", () => {
    const settings = load(starterConfig, { environment: { DATABASE_URL: databaseUrl } });
    assert.deepEqual(settings.target, { schema: "public", table: "user_logins" });
    assert.equal(settings.pipeline, "public.user_logins");
    assert.equal(settings.options.sink?.postgres?.url, databaseUrl);
    assert.equal(settings.options.sink?.postgres?.schema, "maskline");
    assert.deepEqual(
      settings.columns.map(({ column, mask }) => [column.name, column.from, column.required, mask?.domain ?? null]),
      [
        ["user_id", "user_id", true, null],
        ["device_type", "device_type", true, null],
        ["masked_ip", "ip", true, "login.ip"],
        ["masked_device_id", "device_id", true, "login.device_id"],
        ["locale", "locale", false, null],
        ["app_version", "app_version", true, null],
        ["create_date", "$sent_at", false, null],
      ],
    );
  });

  test("a table is read with its quotes, an unquoted name in lower case, without a schema as public", () => {
    assert.deepEqual(target("User_Logins"), { schema: "public", table: "user_logins" });
    assert.deepEqual(target("Auth.Logins"), { schema: "auth", table: "logins" });
    assert.deepEqual(target('"My Schema"."user.logins"'), { schema: "My Schema", table: "user.logins" });
    assert.deepEqual(target('"say ""hi"""'), { schema: "public", table: 'say "hi"' });
    for (const bad of ["", "a.b.c", "a b", '"a', "a.", "1a", 'a"; DROP TABLE b; --'])
      assert.equal(
        faultsOf(`${oneColumn}sink: { postgres: { url: "${databaseUrl}", table: ${JSON.stringify(bad)} } }\n`).length,
        1,
        bad,
      );
  });

  test("source and sink may be left out", () => {
    const settings = load(oneColumn);
    assert.deepEqual([settings.target, settings.pipeline, settings.options.source], [null, "default", undefined]);
  });
});

suite("whatever the file holds", () => {
  const names = constantFrom(
    ..."columns source sqs queue sink postgres url table tls run lanes decode keyring limits body_bytes pipeline type from as max required default mask kind domain encode insecure __proto__ constructor toString".split(
      " ",
    ),
  );
  const words = oneof(
    names,
    string(),
    constantFrom("text", "ip", "version", "siv", "sha256", "packed", "$sent_at", "${A}", "a..b", "$x"),
  );
  const values = oneof(
    jsonValue(),
    record({
      columns: dictionary(
        words,
        dictionary(names, oneof(words, jsonValue(), record({ kind: words, domain: words, encode: words }, { requiredKeys: [] }))),
      ),
      run: jsonValue(),
      sink: record({ postgres: record({ url: words, table: words, tls: words }, { requiredKeys: [] }) }),
      source: dictionary(names, jsonValue()),
      decode: array(words),
    }),
  );
  test("nothing but a MasklineError comes out, for any values", () => {
    check(
      property(values, (value) => throwsOnlyOurs(JSON.stringify(value))),
      { numRuns: 100 },
    );
  });

  test("nothing but a MasklineError comes out, for any text", () => {
    const tokens = oneof(
      string(),
      constantFrom(
        "\n",
        "  ",
        ": ",
        "- ",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!!set ",
        "!t ",
        "? ",
        "|\n",
        ">",
        '"',
        "'",
        "#",
        "<<",
        "---",
      ),
      words,
    );
    check(
      property(array(tokens, { maxLength: 30 }), (parts) => throwsOnlyOurs(parts.join(""))),
      { numRuns: 150 },
    );
  });
});

function thrownBy(work: () => unknown): MasklineError {
  try {
    work();
  } catch (error) {
    if (error instanceof MasklineError) return error;
    throw error;
  }
  return assert.fail("nothing was thrown");
}

function sink(url: string): string {
  return `${oneColumn}sink: { postgres: { table: t, url: ${url} } }\n`;
}

function target(table: string): unknown {
  return load(`${oneColumn}sink: { postgres: { url: "${databaseUrl}", table: ${JSON.stringify(table)} } }\n`).target;
}

function throwsOnlyOurs(text: string): void {
  try {
    load(text, { environment: { A: "a" } });
  } catch (error) {
    assert.ok(error instanceof MasklineError, String(error));
    assert.equal(error.code, "config_invalid");
    assert.ok(error.details.length > 0);
  }
}
