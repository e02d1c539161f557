import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite, test } from "node:test";

import { parse } from "yaml";

import { documentOf, emptyFolder, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

const environment = { DATABASE_URL: "postgres://user:canary4711@127.0.0.1:1/d" };

suite("maskline init", { concurrency: 2 }, () => {
  test("writes a configuration that passes the check, and keeps secrets out of version control", async (t) => {
    const folder = await emptyFolder(t);
    const { stdout, stderr } = succeeded(await maskline(folder, ["init"]));
    assert.equal(stdout, "");
    assert.match(stderr, /^wrote maskline\.yaml, added keyring\.json\* and \.env to \.gitignore\nnext: /);
    assert.equal(await readFile(path.join(folder, ".gitignore"), "utf8"), "keyring.json*\n.env\n");
    succeeded(await maskline(folder, ["check"], environment));
  });

  test("keys create, an offline check and migrate --print need no database address", async (t) => {
    const folder = await emptyFolder(t);
    succeeded(await maskline(folder, ["init"]));
    succeeded(await maskline(folder, ["keys", "create"]));
    succeeded(await maskline(folder, ["migrate", "--print"]));
    assert.match(succeeded(await maskline(folder, ["check"])).stderr, /note, not needed here: .*DATABASE_URL/);
    failed(await maskline(folder, ["check", "--connect"]), { code: "config_invalid", says: /DATABASE_URL/, next: /./ });
  });

  test("the key ring is looked for beside the configuration, wherever the command is started", async (t) => {
    const folder = await emptyFolder(t);
    const home = path.join(folder, "home");
    await mkdir(home);
    succeeded(await maskline(folder, ["init", "home"]));
    succeeded(await maskline(folder, ["keys", "create", "--config", "home/maskline.yaml"]));
    assert.ok((await readdir(home)).includes("keyring.json"));
    succeeded(await maskline(home, ["keys", "list"]));
  });

  test("never overwrites a configuration; with --schema it gets the schema beside it", async (t) => {
    const folder = await folderWith(t, "mine\n");
    const refused = {
      code: "file_exists",
      says: /maskline\.yaml is there already and was left as it is/,
      next: /maskline check/,
    } as const;
    failed(await maskline(folder, ["init"]), refused);
    assert.deepEqual(await readdir(folder), ["maskline.yaml"]);
    failed(await maskline(folder, ["init", "--schema"]), refused);
    assert.deepEqual(await readdir(folder), ["maskline.schema.json", "maskline.yaml"]);
    assert.equal(await readFile(path.join(folder, "maskline.yaml"), "utf8"), "mine\n");
  });

  test("adds to .gitignore only what is missing, after the user's own last line", async (t) => {
    const folder = await emptyFolder(t);
    const ignored = path.join(folder, ".gitignore");
    await writeFile(ignored, "node_modules\n/keyring.json*");
    assert.match(succeeded(await maskline(folder, ["init"])).stderr, /added \.env to \.gitignore/);
    const text = "node_modules\n/keyring.json*\n.env\n";
    assert.equal(await readFile(ignored, "utf8"), text);
    await mkdir(path.join(folder, "again"));
    await writeFile(path.join(folder, "again", ".gitignore"), text);
    assert.deepEqual(documentOf(succeeded(await maskline(folder, ["init", "again", "--json"]))), {
      file: "again/maskline.yaml",
      ignored: [],
    });
    assert.equal(await readFile(path.join(folder, "again", ".gitignore"), "utf8"), text);
  });

  test("--schema writes the schema for editors and names it in the configuration", async (t) => {
    const folder = await emptyFolder(t);
    succeeded(await maskline(folder, ["init", "--schema"]));
    const [first = ""] = (await readFile(path.join(folder, "maskline.yaml"), "utf8")).split("\n");
    const named = /\$schema=\.\/(\S+)/.exec(first)?.[1] ?? "";
    const schema = JSON.parse(await readFile(path.join(folder, named), "utf8")) as { properties: object };
    const config: unknown = parse(await readFile(path.join(folder, "maskline.yaml"), "utf8"));
    for (const option of Object.keys(config as object)) assert.ok(option in schema.properties, option);
  });

  test("a folder that is not there is a mistake to correct, not a crash", async (t) => {
    failed(await maskline(await emptyFolder(t), ["init", "no/such/folder"]), {
      code: "usage",
      says: /no\/such\/folder\/maskline\.yaml cannot be written \(ENOENT\)/,
      next: /name a folder/,
    });
  });
});

suite("maskline keys", { concurrency: 2 }, () => {
  test("create writes a ring that its owner alone can read, once", async (t) => {
    const folder = await folderWith(t, "keyring: file:./keys/ring.json\ncolumns: { a: { type: text } }\n");
    await mkdir(path.join(folder, "keys"));
    const file = path.join(folder, "keys", "ring.json");
    const { stdout, stderr } = succeeded(await maskline(folder, ["keys", "create"]));
    assert.equal(stdout, "");
    assert.match(stderr, /^wrote keys\/ring\.json: root key \d+, readable by you alone\nback this up now/);
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    const before = await readFile(file, "utf8");
    failed(await maskline(folder, ["keys", "create"]), {
      code: "file_exists",
      says: /ring\.json is there already, and was not touched/,
      next: /name another file/,
    });
    assert.equal(await readFile(file, "utf8"), before);
  });

  test("create FILE needs no configuration, and its mode does not depend on the umask", async (t) => {
    const folder = await emptyFolder(t);
    succeeded(await maskline(folder, ["keys", "create", "ring.json", "--json"]));
    assert.equal((await stat(path.join(folder, "ring.json"))).mode & 0o777, 0o600);
    failed(await maskline(folder, ["keys", "create", "no/folder/ring.json"]), {
      code: "keyring_unwritable",
      says: /no\/folder\/ring\.json could not be .*written \(ENOENT\)/,
      next: /check the path/,
    });
  });

  test("neither create nor list shows a byte of a key", async (t) => {
    const folder = await folderWith(t, "keyring: file:./ring.json\ncolumns: { a: { type: text } }\n");
    const outputs = [
      await maskline(folder, ["keys", "create"]),
      await maskline(folder, ["keys", "list"]),
      await maskline(folder, ["keys", "list", "--json"]),
    ].map((finished) => succeeded(finished));
    const said = outputs.map(({ stdout, stderr }) => stdout + stderr).join("\n");
    const secrets = secretsIn(await readFile(path.join(folder, "ring.json"), "utf8"));
    assert.ok(secrets.length >= 6, "the root, and both halves of the sealing key, in base64 and hex");
    for (const secret of secrets) {
      // also a part of one would be too much
      for (let start = 0; start + 12 <= secret.length; start += 4) assert.ok(!said.includes(secret.slice(start, start + 12)));
    }
    const { roots } = documentOf(outputs[2] ?? assert.fail()) as { roots: { id: number; status: string; primary: boolean }[] };
    assert.deepEqual(
      roots.map(({ status, primary }) => [status, primary]),
      [["ENABLED", true]],
    );
    assert.match(outputs[1]?.stdout ?? "", new RegExp(`^root key +state\\n${roots[0]?.id} +enabled, primary\\n`));
  });

  test("a ring that is missing, of another kind or open to others is told, and never quoted", async (t) => {
    const folder = await folderWith(t, "keyring: file:./ring.json\ncolumns: { a: { type: text } }\n");
    const file = path.join(folder, "ring.json");
    const list = (): ReturnType<typeof maskline> => maskline(folder, ["keys", "list"]);
    failed(await list(), { code: "keyring_missing", says: /there is no key ring at ring\.json/, next: /maskline keys create/ });
    await writeFile(file, '{"format":"canary"}', { mode: 0o600 });
    const finished = await list();
    failed(finished, { code: "keyring_malformed", says: /key ring/, next: /./ });
    assert.doesNotMatch(finished.stderr, /canary/);
    await chmod(file, 0o640);
    failed(await list(), { code: "keyring_exposed", says: /open to other users of this machine \(mode 640\)/, next: /chmod 600/ });
  });
});

suite("maskline check, without a connection", { concurrency: 2 }, () => {
  test("shows what each mask keeps and gives away, and says what to do next", async (t) => {
    const folder = await folderWith(
      t,
      `columns:
  user_id: { type: text }
  ip: { type: ip, mask: { kind: siv, domain: d.ip } }
  device: { type: text, max: 40, mask: { kind: hmac, domain: d.device } }
  note: { type: text, mask: { kind: redact } }
  legacy: { type: ip, mask: { kind: sha256, insecure: true } }
  free: { type: text, mask: { kind: siv, domain: d.free } }
`,
    );
    const { stdout, stderr } = succeeded(await maskline(folder, ["check"]));
    assert.equal(stdout, "");
    const rows = stderr.split("\n").map((line) => line.trim().split(/ {2,}/));
    for (const row of [
      ["column", "mask", "domain", "reversible", "names its key", "forgery", "equal values", "keeps", "longest"],
      ["ip", "siv", "d.ip", "with the key", "yes", "noticed", "stay equal", "nothing", "50"],
      ["device", "hmac", "d.device", "no", "no", "-", "stay equal", "nothing", "22"],
      ["note", "redact", "-", "no", "no", "-", "are lost", "nothing", "10"],
      ["legacy", "sha256", "-", "no", "no", "-", "stay equal", "nothing", "64"],
      ["free", "siv", "d.free", "with the key", "yes", "noticed", "stay equal", "nothing", "-"],
    ]) {
      assert.ok(
        rows.some((found) => found.join("|") === row.join("|")),
        `${row.join("|")} in\n${stderr}`,
      );
    }
    assert.match(stderr, /^maskline\.yaml: 6 columns, no fault$/m);
    assert.match(stderr, /warning: legacy: without a key hides nothing/);
    assert.match(stderr, /warning: free: the token's length tells the length of the value/);
    assert.match(stderr, /next: maskline check --connect\n$/);
  });

  test("shows the masks without keys, and of a salt not a character, nor the lack of one", async (t) => {
    const folder = await folderWith(
      t,
      `columns:
  old: { type: ip, mask: { kind: sha256, insecure: true, salt: "\${SALT}", salt_at: end } }
  mail: { type: email, mask: { kind: partial } }
  day: { type: date, mask: { kind: generalise, to: month } }
  gone: { type: json, mask: { kind: "null" } }
`,
    );
    for (const salt of [{ SALT: "canary4711" }, {}]) {
      const [shown, document] = [await maskline(folder, ["check"], salt), await maskline(folder, ["check", "--json"], salt)];
      const rows = succeeded(shown)
        .stderr.split("\n")
        .map((line) => line.trim().replaceAll(/ {2,}/g, "|"));
      for (const row of [
        "old|sha256|-|no|no|-|stay equal|nothing|64",
        "mail|partial|-|no|no|-|are lost|a part|256",
        "day|generalise|-|no|no|-|are lost|a part|10",
      ])
        assert.ok(rows.includes(row), `${row} in\n${shown.stderr}`);
      const { masks } = documentOf(succeeded(document)) as { masks: readonly { column: string }[] };
      assert.deepEqual(
        masks.map(({ column }) => column),
        ["old", "mail", "day", "gone"],
      );
      assert.doesNotMatch([shown, document].map(({ stdout, stderr }) => stdout + stderr).join(""), /canary/);
    }
    const wrong = await maskline(folder, ["check", "--set", "columns.old.mask.salt=canary4711"]);
    assert.doesNotMatch(wrong.stdout + wrong.stderr, /canary/);
    assert.equal(wrong.code, 2);
  });

  test("says so when nothing is masked", async (t) => {
    const folder = await folderWith(t, "columns: { a: { type: text }, mail: { type: email } }\n");
    const { stderr } = succeeded(await maskline(folder, ["check"]));
    assert.match(stderr, /no column is masked/);
    assert.match(stderr, /warning: mail: is personal by its type and has no mask/);
    assert.deepEqual(documentOf(succeeded(await maskline(folder, ["check", "--json"]))), {
      file: "maskline.yaml",
      unset: [],
      masks: [],
      plain: ["mail"],
      recovery: { advisory: false, warning: null },
      checks: [],
    });
  });

  test("lists every fault of the file and exits with 2; with --json as one object", async (t) => {
    const folder = await folderWith(t, "columns: { ip: { type: ipp } }\nrun: { lanes: 0 }\n");
    const says = /^ {2}maskline\.yaml:1 {2}columns\.ip\.type .*did you mean ip\?\)\n {2}maskline\.yaml:2 {2}run\.lanes /m;
    failed(await maskline(folder, ["check"]), { code: "config_invalid", says, next: /configuration/ });
    const error = jsonError(await maskline(folder, ["check", "--json"]));
    assert.equal(error.code, "config_invalid");
    assert.equal(error.details.length, 2);
  });

  test("takes another file, settings from the environment and --set", async (t) => {
    const folder = await folderWith(t, "columns: { a: { type: text } }\n");
    await writeFile(path.join(folder, "other.yaml"), "columns: { a: { type: text }, b: { type: text } }\n");
    assert.match(succeeded(await maskline(folder, ["check", "-c", "other.yaml"])).stderr, /^other\.yaml: 2 columns/);
    const { stderr } = await maskline(folder, ["check", "--set", "run.lanes=99"], { MASKLINE_RUN_LANE: "3" });
    assert.match(stderr, /did you mean MASKLINE_RUN_LANES\?/);
    assert.match(stderr, /--set run\.lanes {2}run\.lanes {2}found 99/);
  });
});

suite("maskline sample", { concurrency: 2 }, () => {
  test("prints the same events for the same seed, without a configuration", async (t) => {
    const folder = await emptyFolder(t);
    const [first, second, other] = await Promise.all(
      [
        ["--seed", "7"],
        ["--seed", "7"],
        ["--seed", "8"],
      ].map((seed) => maskline(folder, ["sample", "--count", "5", ...seed])),
    );
    assert.ok(first && second && other);
    assert.equal(succeeded(first).stdout, second.stdout);
    assert.notEqual(first.stdout, other.stdout);
    assert.equal(first.stdout.trimEnd().split("\n").length, 5);
    assert.equal(first.stderr, "");
  });
});

test("a command that needs a section which is left out names it", async (t) => {
  const folder = await folderWith(t, "columns: { a: { type: text } }\n");
  failed(await maskline(folder, ["ledger"]), {
    code: "config_invalid",
    says: /maskline\.yaml has no sink\.postgres, which this command needs/,
    next: /maskline init/,
  });
});

/** Every text of a ring that looks like key bytes, and the same bytes in hex. */
function secretsIn(ring: string): readonly string[] {
  const texts = [...ring.matchAll(/"([A-Za-z0-9+/_-]{40,}={0,2})"/g)].map((found) => found[1] ?? "");
  return texts.flatMap((text) => [text, Buffer.from(text, "base64").toString("hex")]);
}
