import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import { parseAnyRing } from "../../src/keys/any-ring.ts";
import { createKeyRingFile } from "../../src/keys/providers/file.ts";
import type { KeyRing } from "../../src/keys/ring.ts";
import { WriterKeyRing } from "../../src/keys/writer-ring.ts";
import { readRingText } from "../harness/ring-file.ts";
import { newRing, ringOf, root, spellings } from "../keys/rings.ts";
import { documentOf, failed, folderWith, jsonError, maskline, succeeded } from "./expect.ts";

const config = `
keyring: file:./keyring.json
columns:
  ip:     { type: ip,   mask: { kind: siv, domain: login.ip } }
  again:  { type: ip,   mask: { kind: siv, domain: login.ip } }
  device: { type: text, mask: { kind: hmac, domain: login.device_id } }
  name:   { type: text, mask: { kind: redact } }
`;

async function folderWithRing(t: TestContext, ring: KeyRing = newRing(), text: string = config): Promise<string> {
  const folder = await folderWith(t, text);
  await createKeyRingFile(path.join(folder, "keyring.json"), ring);
  return folder;
}

const usage = /maskline keys export --help/;

suite("maskline keys export --writer", { concurrency: 2 }, () => {
  test("writes a writer's ring, its owner's alone, and says what its holder can do", async (t) => {
    const folder = await folderWithRing(t);
    const { stdout, stderr } = succeeded(await maskline(folder, ["keys", "export", "--writer", "writer.json"]));
    assert.equal(stdout, "");
    assert.match(stderr, /^wrote writer\.json, readable by you alone\n/);
    assert.match(stderr, /note: its holder can open every token of login\.ip \(siv\)\n/);
    assert.match(stderr, /note: its holder cannot open, but can try out values of login\.device_id \(hmac\)\n/);
    const file = path.join(folder, "writer.json");
    if (process.platform !== "win32") assert.equal((await stat(file)).mode & 0o777, 0o600);
    const ring = parseAnyRing(await readRingText(file));
    assert.ok(ring instanceof WriterKeyRing);
    assert.deepEqual(
      ring.toJSON().domains.map(({ kind, domain }) => `${kind} ${domain}`),
      ["siv login.ip", "hmac login.device_id"],
    );
  });

  test("never overwrites", async (t) => {
    const folder = await folderWithRing(t);
    await writeFile(path.join(folder, "writer.json"), "precious");
    failed(await maskline(folder, ["keys", "export", "--writer", "writer.json"]), {
      code: "file_exists",
      says: /writer\.json is there already, and was not touched/,
      next: /another file/,
    });
    assert.equal(await readFile(path.join(folder, "writer.json"), "utf8"), "precious");
  });

  test("writes to a pipe what it writes to a file; with --json as one line", async (t) => {
    const folder = await folderWithRing(t);
    const [file, pipe, line] = await Promise.all(
      [["writer.json"], [], ["--json"]].map((rest) => maskline(folder, ["keys", "export", "--writer", ...rest])),
    );
    assert.ok(file && pipe && line);
    const written = await readFile(path.join(folder, "writer.json"), "utf8");
    assert.equal(succeeded(pipe).stdout, written);
    assert.deepEqual(documentOf(succeeded(line)), JSON.parse(written));
    const named = succeeded(await maskline(folder, ["keys", "export", "--writer", "--json", "other.json"]));
    assert.deepEqual(documentOf(named), { file: "other.json" });
  });

  test("asks for the key of a mask that does not say its own, as a run would", async (t) => {
    const folder = await folderWithRing(t, ringOf(root(0x100), root(0x200)));
    failed(await maskline(folder, ["keys", "export", "--writer", "writer.json"]), {
      code: "key_unpinned",
      says: /column device: hmac tokens do not say which key made them/,
      next: /key: 256/,
    });
    assert.ok(!(await readdir(folder)).includes("writer.json"));
  });

  test("keys list shows it; what needs roots refuses it, and says what to do", async (t) => {
    const folder = await folderWithRing(t);
    succeeded(await maskline(folder, ["keys", "export", "--writer", "writer.json"]));
    const writers = ["--set", "keyring=file:writer.json"];
    assert.match(
      succeeded(await maskline(folder, ["keys", "list", ...writers])).stdout,
      /enabled, primary\nsealing key \d+: seals only/,
    );
    for (const command of [["--writer"], ["--tink", "--root"], ["--tink", "--domain", "login.ip"]]) {
      failed(await maskline(folder, ["keys", "export", ...command, ...writers]), {
        code: "keyring_rootless",
        says: /this is a writer's key ring/,
        next: /--set keyring=file:FILE/,
      });
    }
  });
});

suite("maskline keys export --tink", { concurrency: 2 }, () => {
  test("prints one domain's keyset, or the roots', and says what its holder can do", async (t) => {
    const folder = await folderWithRing(t, ringOf(root(0x100), root(0x200, "DISABLED")));
    const domain = succeeded(await maskline(folder, ["keys", "export", "--tink", "--domain", "login.ip"]));
    assert.match(domain.stdout, /"typeUrl": "type\.googleapis\.com\/google\.crypto\.tink\.AesSivKey"/);
    assert.match(domain.stderr, /its holder can make and open every token of login\.ip\n.*disabled keys are left out \(1\)/);
    const roots = succeeded(await maskline(folder, ["keys", "export", "--tink", "--root", "roots.json"]));
    assert.match(roots.stderr, /^wrote roots\.json.*\n.*these are the roots: their holder can open every token/);
    const text = await readFile(path.join(folder, "roots.json"), "utf8");
    assert.match(text, /google\.crypto\.tink\.PrfBasedDeriverKey/);
    for (const printed of [domain.stdout, text]) {
      assert.deepEqual(
        (JSON.parse(printed) as { key: { keyId: number }[] }).key.map(({ keyId }) => keyId),
        [0x100],
      );
    }
  });

  test("refuses a domain that is not of the contract, or not siv, without repeating what was typed", async (t) => {
    const folder = await folderWithRing(t);
    failed(await maskline(folder, ["keys", "export", "--tink", "--domain", "login.ipp"]), {
      code: "not_found",
      says: /maskline\.yaml has no such domain; its siv domains are login\.ip$/m,
      next: /--domain login\.ip$/,
    });
    const secret = await maskline(folder, ["keys", "export", "--tink", "--domain", "canary4711"]);
    failed(secret, { code: "not_found", says: /no such domain/, next: /--config/ });
    assert.doesNotMatch(secret.stderr, /canary/);
    failed(await maskline(folder, ["keys", "export", "--tink", "--domain", "login.device_id"]), {
      code: "usage",
      says: /domain login\.device_id is masked with hmac; Tink opens siv only/,
      next: /login\.ip/,
    });
  });
});

test("what to export has to be said, and once", async (t) => {
  const folder = await folderWithRing(t);
  const calls: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [[], /takes one of --writer and --tink/],
    [["--writer", "--tink"], /takes one of --writer and --tink/],
    [["--tink"], /--tink takes one of --domain DOMAIN and --root/],
    [["--tink", "--root", "--domain", "login.ip"], /--tink takes one of --domain DOMAIN and --root/],
    [["--writer", "--root"], /--domain and --root go with --tink/],
    [["--writer", "--domain", "login.ip"], /--domain and --root go with --tink/],
    [["--writer", "one.json", "two.json"], /takes 1 word/],
  ];
  for (const [args, says] of calls) {
    failed(await maskline(folder, ["keys", "export", ...args]), { code: "usage", says, next: usage });
  }
  assert.equal(jsonError(await maskline(folder, ["keys", "export", "--tink", "--json"])).code, "usage");
});

/** Of util-linux: runs a command on a terminal of its own, and ends with its exit code. */
const script = "/usr/bin/script";

/** @returns what the terminal showed */
async function onTerminal(
  folder: string,
  args: readonly string[],
): Promise<{ readonly code: number | null; readonly shown: string }> {
  const main = path.resolve(import.meta.dirname, "../../src/cli/main.ts");
  const command = [process.execPath, main, ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn(script, ["--quiet", "--return", "--command", command, "/dev/null"], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, TERM: "xterm" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let shown = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
  const code = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  return { code, shown };
}

test("a terminal shows no key unasked", { skip: existsSync(script) ? false : `there is no ${script}` }, async (t) => {
  const ring = newRing();
  const folder = await folderWithRing(t, ring);
  const secrets = spellings(ring.primary.key.export()).concat(
    spellings(Buffer.from(ring.domainKeys("siv", "login.ip").primary.key)),
  );
  for (const what of [["--writer"], ["--tink", "--domain", "login.ip"], ["--tink", "--root"]]) {
    const refused = await onTerminal(folder, ["keys", "export", ...what]);
    assert.equal(refused.code, 2, refused.shown);
    assert.match(refused.shown, /keys are not printed on a terminal unasked/);
    assert.match(refused.shown, /name a FILE to write, or add --show/);
    for (const secret of secrets) assert.ok(!refused.shown.includes(secret));
    assert.equal(
      (await onTerminal(folder, ["keys", "export", ...what, `of-${what.length}${what.includes("--root") ? "-roots" : ""}.json`]))
        .code,
      0,
    );
  }
  const { code, shown } = await onTerminal(folder, ["keys", "export", "--tink", "--domain", "login.ip", "--show"]);
  assert.equal(code, 0, shown);
  assert.match(shown, /"primaryKeyId": \d+/);
});
