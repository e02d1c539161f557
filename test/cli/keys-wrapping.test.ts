import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, suite, test, type TestContext } from "node:test";

import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";

import { openKeyRing } from "../../src/app/assemble-keys.ts";
import { loadSettings } from "../../src/app/config/load.ts";
import { createMasks } from "../../src/app/masks.ts";
import { keyServices } from "../engines/key-services.ts";
import { findCanaries } from "../harness/canary.ts";
import { atTerminal, terminalMissing } from "../harness/terminal.ts";
import { documentOf, emptyFolder, failed, folderWith, maskline, succeeded } from "./expect.ts";

const passphrase = "canary-4711 horse battery";
const another = "canary-4712 staple correct";
const columns = "columns: { token: { from: ip, type: ip, mask: { kind: siv, domain: login.ip } } }\n";
const services = await keyServices();

/** A folder with a configuration, a passphrase file and another, and what was said there so far. */
async function ringFolder(
  t: TestContext,
  keyring: string,
): Promise<{
  readonly folder: string;
  call(args: readonly string[], environment?: Readonly<Record<string, string>>): ReturnType<typeof maskline>;
  /** What a user, a shell's history or a log would have seen. */
  readonly said: () => string;
}> {
  const folder = await folderWith(t, `keyring: ${keyring}\n${columns}`);
  await writeFile(path.join(folder, "passphrase"), `${passphrase}\n`, { mode: 0o600 });
  await writeFile(path.join(folder, "another"), another, { mode: 0o600 });
  let heard = "";
  return {
    folder,
    said: () => heard,
    call: async (args, environment = {}) => {
      const finished = await maskline(folder, args, environment);
      heard += `${args.join(" ")}\n${finished.stdout}${finished.stderr}`;
      return finished;
    },
  };
}

const given = { MASKLINE_KEYRING_PASSPHRASE: passphrase };

/** What the ring of a folder's configuration makes of a value. */
async function tokensOf(folder: string, environment: Readonly<Record<string, string>> = {}): Promise<readonly (string | null)[]> {
  const settings = loadSettings({ file: path.join(folder, "maskline.yaml"), environment, overrides: [] });
  const [masked] = createMasks(settings.columns, await openKeyRing(settings));
  return masked?.mask?.apply(["203.0.113.77", "2001:db8::1"]) ?? [];
}

suite("a ring wrapped by a passphrase", { concurrency: 2 }, () => {
  test("is made as the configuration says, opens with the passphrase and says what is missing without", async (t) => {
    const { folder, call, said } = await ringFolder(t, "{ from: file:./k.json, passphrase_file: ./passphrase }");
    const { stderr } = succeeded(await call(["keys", "create"]));
    assert.match(stderr, /^wrote k\.json: root key \d+, wrapped by a passphrase, readable by you alone\nback this up now/);
    assert.doesNotMatch(stderr, /write in maskline\.yaml|development/);
    assert.equal((await stat(path.join(folder, "k.json"))).mode & 0o777, 0o600);
    const file = JSON.parse(await readFile(path.join(folder, "k.json"), "utf8")) as { format: string };
    assert.equal(file.format, "maskline-keyring-wrapped");
    assert.match(succeeded(await call(["keys", "list"])).stdout, /^root key +state\n\d+ +enabled, primary\n/);
    failed(await call(["keys", "create"]), { code: "file_exists", says: /was not touched/, next: /name another/ });

    await writeFile(path.join(folder, "maskline.yaml"), `keyring: file:./k.json\n${columns}`);
    failed(await call(["keys", "list"]), {
      code: "keyring_locked",
      says: /wrapped by a passphrase, and none was given/,
      next: /keyring\.passphrase .*MASKLINE_KEYRING_PASSPHRASE.* or keyring\.passphrase_file/,
    });
    succeeded(await call(["keys", "list"], given));
    failed(await call(["keys", "list"], { MASKLINE_KEYRING_PASSPHRASE: another }), {
      code: "keyring_locked",
      says: /the passphrase is wrong, or the ring was altered/,
      next: /keyring\.passphrase/,
    });
    assert.deepEqual(findCanaries(said(), [passphrase, another]), []);
  });

  test("is made by the flag, and the configuration is told what it needs then", async (t) => {
    const { call } = await ringFolder(t, "file:./k.json");
    const { stderr } = succeeded(await call(["keys", "create", "--passphrase-file", "passphrase"]));
    assert.match(stderr, /write in maskline\.yaml: keyring: \{ from: file:\.\/k\.json, passphrase: "\$\{KEYRING_PASSPHRASE\}" \}/);
    succeeded(await call(["keys", "list"], given));
  });

  test("is made in a file by name, without a configuration", async (t) => {
    const folder = await emptyFolder(t);
    await writeFile(path.join(folder, "p"), passphrase, { mode: 0o600 });
    const document = documentOf(
      succeeded(await maskline(folder, ["keys", "create", "ring.json", "--passphrase-file", "p", "--json"])),
    );
    const { primary, ...rest } = document as { primary: number };
    assert.ok(primary > 0);
    assert.deepEqual(rest, { file: "ring.json", place: "ring.json", wrapping: "passphrase" });
  });

  test("is not made under a short passphrase, one that others can read, or none to be asked", async (t) => {
    const { folder, call } = await ringFolder(t, "file:./k.json");
    await writeFile(path.join(folder, "short"), "canary-4711\n", { mode: 0o600 });
    await writeFile(path.join(folder, "open"), passphrase, { mode: 0o644 });
    const create = (file: string): ReturnType<typeof call> => call(["keys", "create", "--passphrase-file", file]);
    failed(await create("short"), { code: "usage", says: /too short: 15 characters/, next: /random words/ });
    failed(await create("open"), { code: "keyring_exposed", says: /passphrase file open .*mode 644/, next: /chmod 600 open/ });
    failed(await create("none"), { code: "keyring_missing", says: /no passphrase file at none/, next: /path/ });
    failed(await call(["keys", "create", "--passphrase"]), { code: "usage", says: /no terminal/, next: /file/ });
    assert.ok(!(await readdir(folder)).includes("k.json"));
  });

  test("a key is destroyed only when its id is typed: any other answer, and the end of asking, change nothing", async (t) => {
    const { folder } = await ringFolder(t, "file:./k.json");
    succeeded(await maskline(folder, ["keys", "create"]));
    const ring = await readFile(path.join(folder, "k.json"), "utf8");
    for (const typed of ["\u0003", "\u0004", "yes\r", "\r"]) {
      const { code, screen } = await atTerminal(folder, ["keys", "destroy", "4711", "--offline"], [["for good: ", typed]]);
      assert.equal(code, 130, screen);
      assert.match(screen, /not confirmed; nothing was changed/);
    }
    assert.equal(await readFile(path.join(folder, "k.json"), "utf8"), ring);
    // the id itself goes on to where such a key is looked for
    const { screen } = await atTerminal(folder, ["keys", "destroy", "4711", "--offline"], [["for good: ", "4711\r"]]);
    assert.match(screen, /4711/);
    assert.doesNotMatch(screen, /not confirmed/);
  });
});

suite("keys rewrap", { concurrency: 2 }, () => {
  test("changes how the ring is wrapped, and neither a key nor a token", async (t) => {
    const { folder, call, said } = await ringFolder(t, "file:./k.json");
    succeeded(await call(["keys", "create"]));
    const ring = await readFile(path.join(folder, "k.json"), "utf8");
    const tokens = await tokensOf(folder);

    const first = succeeded(await call(["keys", "rewrap", "--passphrase"], given));
    assert.match(first.stderr, /^k\.json: wrapped by a passphrase from now on; its keys and all tokens are what they were\n/);
    assert.deepEqual(await tokensOf(folder, given), tokens);

    const second = succeeded(await call(["keys", "rewrap", "--new-passphrase-file", "another"], given));
    assert.match(second.stderr, /next: put the new passphrase where keyring says/);
    failed(await call(["keys", "list"], given), { code: "keyring_locked", says: /wrong/, next: /./ });
    assert.deepEqual(await tokensOf(folder, { MASKLINE_KEYRING_PASSPHRASE: another }), tokens);

    const third = succeeded(await call(["keys", "rewrap", "--plain", "--json"], { MASKLINE_KEYRING_PASSPHRASE: another }));
    assert.deepEqual(documentOf(third), {
      place: "k.json",
      before: "passphrase",
      wrapping: "plain",
      key: null,
      configuration: "take passphrase out of keyring: the ring is plain now",
    });
    assert.equal(await readFile(path.join(folder, "k.json"), "utf8"), ring, "byte for byte what it was");
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith("k.json")),
      ["k.json"],
    );
    assert.deepEqual(findCanaries(said(), [passphrase, another]), []);
  });

  test("warns of a plain ring, and a configuration that demands more does not take it", async (t) => {
    const { call } = await ringFolder(t, "{ from: file:./k.json, passphrase_file: ./passphrase }");
    succeeded(await call(["keys", "create"]));
    assert.match(succeeded(await call(["keys", "rewrap", "--plain"])).stderr, /warning: a plain file: meant for development/);
    failed(await call(["keys", "list"]), {
      code: "keyring_locked",
      says: /k\.json is not wrapped, which is not what keyring\.passphrase_file says/,
      next: /keys rewrap --passphrase/,
    });
    succeeded(await call(["keys", "rewrap", "--passphrase"]));
    succeeded(await call(["keys", "list"]));
  });

  test("takes one way, and what is no ring is not wrapped", async (t) => {
    const { folder, call } = await ringFolder(t, "file:./k.json");
    const usage = { code: "usage", says: /takes one of --passphrase, /, next: /--help/ } as const;
    failed(await call(["keys", "rewrap"]), usage);
    failed(await call(["keys", "rewrap", "--plain", "--passphrase"]), usage);
    failed(await call(["keys", "rewrap", "--kms-key", "a b"]), { code: "usage", says: /--kms-key takes/, next: /./ });
    await writeFile(path.join(folder, "k.json"), '{"canary":4711}', { mode: 0o600 });
    failed(await call(["keys", "rewrap", "--new-passphrase-file", "passphrase"]), {
      code: "keyring_malformed",
      says: /format/,
      next: /./,
    });
    assert.equal(await readFile(path.join(folder, "k.json"), "utf8"), '{"canary":4711}');
  });

  test("a ring in a variable opens, wrapped or not, and is changed elsewhere", async (t) => {
    const { folder, call } = await ringFolder(t, "env:RING");
    succeeded(await call(["keys", "create", "k.json", "--passphrase-file", "passphrase"]));
    const RING = (await readFile(path.join(folder, "k.json"))).toString("base64");
    assert.match(succeeded(await call(["keys", "list"], { ...given, RING })).stdout, /enabled, primary/);
    failed(await call(["keys", "list"], given), { code: "keyring_missing", says: /the environment has no RING/, next: /set RING/ });
    failed(await call(["keys", "rewrap", "--plain"], { ...given, RING }), {
      code: "keyring_unwritable",
      says: /variable RING/,
      next: /./,
    });
    failed(await call(["keys", "create"]), { code: "keyring_unwritable", says: /variable RING/, next: /./ });
  });

  test("check says what protects the ring where it is", async (t) => {
    const { folder, call } = await ringFolder(t, "file:./k.json");
    succeeded(await call(["keys", "create"]));
    const described = async (environment: Readonly<Record<string, string>> = {}): Promise<string> =>
      /key ring: (.*)/.exec(succeeded(await call(["check", "--connect"], environment)).stderr)?.[1] ?? "";
    assert.equal(await described(), "k.json, a plain file: meant for development");
    assert.match(
      await described({ MASKLINE_KEYRING: "env:RING", RING: await readFile(path.join(folder, "k.json"), "utf8") }),
      /^variable RING, plain: whoever can read/,
    );
    succeeded(await call(["keys", "rewrap", "--passphrase"], given));
    assert.equal(await described(given), "k.json, wrapped by a passphrase");
  });
});

suite("at a terminal", { skip: terminalMissing ?? false }, () => {
  const asked = "passphrase of the key ring: ";
  const [askedNew, askedAgain] = ["new passphrase for the key ring: ", "the same once more: "];

  test("the passphrase is asked for and not shown, new ones twice", async (t) => {
    const { folder } = await ringFolder(t, "file:./k.json");
    const sessions = [
      await atTerminal(
        folder,
        ["keys", "create", "--passphrase"],
        [
          [askedNew, `${passphrase}\r`],
          // typed with a mistake that is taken back, and a line that is begun anew
          [askedAgain, `nonsense\u0015${passphrase}x\u007F\r`],
        ],
      ),
      await atTerminal(folder, ["keys", "list"], [[asked, `${passphrase}\r`]]),
      await atTerminal(
        folder,
        ["keys", "rewrap", "--new-passphrase"],
        [
          [asked, `${passphrase}\n`],
          [askedNew, `${another}\r`],
          [askedAgain, `${another}\r`],
        ],
      ),
      await atTerminal(folder, ["check", "--connect"], [[asked, `${another}\r`]]),
    ];
    for (const { code, screen } of sessions) {
      assert.equal(code, 0, screen);
      assert.deepEqual(findCanaries(screen, [passphrase, another]), []);
    }
  });

  test("nothing is written when the two differ, or the asking is stopped", async (t) => {
    const { folder } = await ringFolder(t, "file:./k.json");
    const differing = await atTerminal(
      folder,
      ["keys", "create", "--passphrase"],
      [
        [askedNew, `${passphrase}\r`],
        [askedAgain, `${another}\r`],
      ],
    );
    assert.equal(differing.code, 2);
    assert.match(differing.screen, /the two passphrases differ; nothing was written/);
    for (const key of ["\u0003", "\u0004"]) {
      const stopped = await atTerminal(folder, ["keys", "create", "--passphrase"], [[askedNew, `canary${key}`]]);
      assert.equal(stopped.code, 130, stopped.screen);
    }
    assert.ok(!(await readdir(folder)).includes("k.json"));
  });
});

suite("a ring with AWS", { skip: services.missing ?? false, concurrency: 2 }, () => {
  let endpoint = "";
  let stop = async (): Promise<void> => {};
  let arn = "";
  before(async () => {
    ({ endpoint, stop } = await services.start());
    const client = new KMSClient({ endpoint, region: "us-east-1", credentials: { accessKeyId: "a", secretAccessKey: "b" } });
    const { KeyMetadata } = await client.send(new CreateKeyCommand({}));
    arn = KeyMetadata?.Arn ?? assert.fail();
    await client.send(new CreateAliasCommand({ AliasName: "alias/maskline", TargetKeyId: KeyMetadata?.KeyId }));
    client.destroy();
  });
  after(() => stop());

  for (const from of ["file:./k.json", "aws-kms:./k.json", "aws-secretsmanager:prod/ring", "aws-ssm:/prod/ring"]) {
    test(`${from}: made under KMS, listed, checked, masked with; never overwritten`, async (t) => {
      const { folder, call } = await ringFolder(t, `{ from: ${from}, kms_key: alias/maskline, endpoint: "${endpoint}" }`);
      const { stderr } = succeeded(await call(["keys", "create"]));
      assert.match(stderr, /: root key \d+, wrapped by KMS key alias\/maskline/);
      const listed = succeeded(await call(["keys", "list"])).stdout;
      assert.match(listed, /enabled, primary/);
      const described = succeeded(await call(["check", "--connect"])).stderr;
      assert.ok(described.includes(`wrapped by KMS key ${arn}`), described);
      const tokens = await tokensOf(folder);
      failed(await call(["keys", "create"]), { code: "file_exists", says: /not touched/, next: /name another/ });

      const again = succeeded(await call(["keys", "rewrap", "--kms-key", arn]));
      assert.match(
        again.stderr,
        new RegExp(`next: in maskline.yaml, keyring: \\{ from: ${from.replaceAll(/[./]/g, "\\$&")}, kms_key: ${arn} \\}`),
      );
      assert.equal(/earlier versions are still there/.test(again.stderr), from.startsWith("aws-s"));
      assert.deepEqual(await tokensOf(folder), tokens);
      assert.equal(succeeded(await call(["keys", "list"])).stdout, listed);
    });
  }

  test("from plain to KMS to a passphrase and back, the tokens stay", async (t) => {
    const { folder, call } = await ringFolder(t, `{ from: aws-secretsmanager:prod/plain, endpoint: "${endpoint}" }`);
    failed(await call(["keys", "list"]), {
      code: "keyring_missing",
      says: /there is no key ring .*NotFound/,
      next: /keys create/,
    });
    assert.match(succeeded(await call(["keys", "create"])).stderr, /not wrapped: whoever may read the secret has the keys/);
    const tokens = await tokensOf(folder);
    succeeded(await call(["keys", "rewrap", "--kms-key", "alias/maskline"]));
    assert.deepEqual(await tokensOf(folder), tokens);
    succeeded(await call(["keys", "rewrap", "--new-passphrase-file", "passphrase"]));
    assert.deepEqual(await tokensOf(folder, given), tokens);
    succeeded(await call(["keys", "rewrap", "--plain"], given));
    assert.deepEqual(await tokensOf(folder), tokens);
  });

  test("a ring in aws-kms: is never one that KMS has not wrapped", async (t) => {
    const { folder, call } = await ringFolder(t, `{ from: aws-kms:./k.json, endpoint: "${endpoint}" }`);
    failed(await call(["keys", "create"]), { code: "usage", says: /no KMS key was named/, next: /--kms-key KEY/ });
    failed(await call(["keys", "create", "--passphrase-file", "passphrase"]), {
      code: "usage",
      says: /keyring\.from says otherwise/,
      next: /./,
    });
    succeeded(await call(["keys", "create", "k.json"]));
    failed(await call(["keys", "list"]), {
      code: "keyring_locked",
      says: /is not wrapped, which is not what keyring\.from says/,
      next: /--kms-key KEY/,
    });
    failed(await call(["keys", "rewrap", "--plain"]), { code: "usage", says: /aws-kms:/, next: /file:PATH/ });
    succeeded(await call(["keys", "rewrap", "--kms-key", "alias/maskline"]));
    succeeded(await call(["keys", "list"]));
    const { wrap } = JSON.parse(await readFile(path.join(folder, "k.json"), "utf8")) as { wrap: { key: string } };
    assert.equal(wrap.key, arn);
  });

  test("a KMS that is not there is an outage", async (t) => {
    const { call } = await ringFolder(t, `{ from: file:./k.json, kms_key: "${arn}", endpoint: "http://127.0.0.1:1" }`);
    failed(await call(["keys", "create"]), {
      code: "key_service_unreachable",
      says: /KMS key arn:.*ECONNREFUSED/,
      next: /keyring\.endpoint/,
    });
  });
});
