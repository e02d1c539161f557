import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { faultsOf, load, oneColumn } from "../../harness/configuration.ts";

suite("the text of a configuration", () => {
  test("a file that is not YAML is refused with the line", () => {
    assert.deepEqual(faultsOf("columns:\n\ta: 1\n"), ["maskline.yaml:2  is not valid YAML: tab as indent"]);
    assert.match(faultsOf("columns:\n  a: [1, 2\nb: 3\n")[0] ?? "", /^maskline\.yaml:\d+ {2}is not valid YAML: /);
    assert.deepEqual(faultsOf("columns: {}\n---\ncolumns: {}\n"), ["maskline.yaml:2  is not valid YAML: multiple docs"]);
  });

  test("an option that is written twice is refused, not the last one taken", () => {
    assert.deepEqual(faultsOf("columns:\n  a: { type: text }\n  a: { type: ip }\n"), [
      "maskline.yaml:3  is not valid YAML: duplicate key",
    ]);
  });

  test("a file that holds no options is refused", () => {
    assert.deepEqual(faultsOf(""), [
      "maskline.yaml:1  columns  is missing: The contract: the columns of a row, by their name in the table.",
    ]);
    for (const text of ["5\n", "- a\n", "text\n"])
      assert.deepEqual(faultsOf(text), ["maskline.yaml:1  is not a set of options"], text);
    assert.match(faultsOf("? [1, 2]\n: 3\n")[0] ?? "", /a name is expected before each colon/);
  });

  test("tags and aliases that cannot be followed are faults, not crashes", () => {
    assert.deepEqual(faultsOf("columns: !!binary aGVsbG8=\n"), ["maskline.yaml:1  is not valid YAML: tag resolve failed"]);
    assert.deepEqual(faultsOf("run:\n  lanes: *four\n"), ["maskline.yaml:2  *four: no &four stands before it"]);
    const tenfold = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]\n";
    assert.deepEqual(faultsOf(tenfold), ["maskline.yaml:1  is not valid YAML: its aliases make it too large"]);
    assert.notEqual(faultsOf("columns: &all\n  a: *all\n").length, 0, "an alias of what it stands in");
    assert.notEqual(faultsOf(`a: ${"[".repeat(5_000)}${"]".repeat(5_000)}`).length, 0, "deep nesting");
  });

  test("an anchor can be used again, and a fault in it is told at its own line", () => {
    const text = "columns:\n  a: &text { type: text }\n  b: *text\n";
    assert.deepEqual(
      load(text).contract.columns.map(({ name, type }) => [name, type]),
      [
        ["a", "text"],
        ["b", "text"],
      ],
    );
    assert.deepEqual(faultsOf(text.replace("type: text", "tpye: text")).length, 4);
  });
});

suite("values from the environment", () => {
  test("${NAME} is replaced, also within a text, and $$ is a dollar sign", () => {
    const environment = { HOST: "db.example", SECRET: "p$$w${HOST}" };
    const { options } = load(`${oneColumn}pipeline: "a $$ for $\${HOST} at \${HOST}, $5"\n`, { environment });
    assert.equal(options.pipeline, "a $ for ${HOST} at db.example, $5");
    // what a variable holds is not read again
    const { options: nested } = load(`${oneColumn}pipeline: "\${SECRET}"\n`, { environment });
    assert.equal(nested.pipeline, "p$$w${HOST}");
  });

  test("a missing or empty variable is named with line and option, and nothing else is said of the option", () => {
    const expected = [
      "maskline.yaml:5  sink.postgres.url  ${DATABASE_URL}: the environment has no DATABASE_URL; set it, or write $$ for a plain dollar sign",
    ];
    assert.deepEqual(faultsOf(sink('"${DATABASE_URL}"')), expected);
    assert.deepEqual(faultsOf(sink('"${DATABASE_URL}"'), { environment: { DATABASE_URL: "" } }), expected);
    assert.equal(faultsOf(`${oneColumn}pipeline: "\${constructor}"\n`).length, 1, "nothing is inherited");
  });

  test("a missing variable does no harm where the option is set over the file", () => {
    const environment = { MASKLINE_SINK_POSTGRES_URL: "postgres://u:p@127.0.0.1/d" };
    assert.equal(load(sink('"${DATABASE_URL}"'), { environment }).options.sink?.postgres?.url, "postgres://u:p@127.0.0.1/d");
  });

  test("a value from the environment cannot change the structure of the file", () => {
    const hostile = 'x", columns: {}, run: { lanes: 9 }, y: "\nrun:\n  lanes: 9\n# *a &b !!map';
    const { options } = load(`${oneColumn}pipeline: "\${NAME}"\n`, { environment: { NAME: hostile } });
    assert.equal(options.pipeline, hostile);
    assert.equal(options.run.lanes, 2);
    assert.deepEqual(
      load('columns: { "${NAME}": { type: text, from: a } }\n', { environment: { NAME: "b" } }).columns[0]?.column.name,
      "${NAME}",
      "names of options are not replaced",
    );
  });

  test("a number can come from the environment, and a text that is none is told without being shown", () => {
    const text = `${oneColumn}run:\n  lanes: \${LANES}\n`;
    assert.equal(load(text, { environment: { LANES: "4" } }).options.run.lanes, 4);
    assert.deepEqual(faultsOf(text, { environment: { LANES: "canary-4711" } }), [
      "maskline.yaml:3  run.lanes  found the value given; allowed: a whole number",
    ]);
  });

  test("an unquoted ${NAME} inside braces is explained", () => {
    assert.deepEqual(faultsOf(`${oneColumn}sink: { postgres: { url: \${DATABASE_URL}, table: t } }\n`), [
      'maskline.yaml:2  is not valid YAML: unexpected token; inside { } and [ ], ${NAME} stands in quotes: "${NAME}"',
    ]);
  });

  test("what stands in ${ } and is no name is not repeated: it may be a part of a password", () => {
    const [fault = ""] = faultsOf(sink('"postgres://u:pa${canary-4711}@h/d"'));
    assert.match(fault, /sink\.postgres\.url {2}holds something in \$\{ \} that is not the name of a variable/);
    assert.doesNotMatch(fault, /canary/);
  });
});

function sink(url: string): string {
  return `${oneColumn}sink:\n  postgres:\n    table: t\n    url: ${url}\n`;
}
