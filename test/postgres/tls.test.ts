import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, suite, test } from "node:test";

import type pg from "pg";

import { type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { makeServerFolder, serverAccount } from "../../src/demo/server-account.ts";
import { MasklineError } from "../../src/errors.ts";
import type { DatabaseOptions } from "../../src/postgres/connection.ts";
import { Database } from "../../src/postgres/database.ts";
import { plainClient } from "./databases.ts";

function openssl(folder: string, ...args: readonly string[]): void {
  execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
}

function opensslMissing(): string | false {
  try {
    openssl("/", "version");
    return false;
  } catch {
    return "openssl is not installed here: certificates cannot be made";
  }
}

/** An authority of our own; others have the same name and another key. */
function makeAuthority(folder: string, name: string): void {
  const subject = ["-subj", "/CN=maskline test authority"];
  openssl(
    folder,
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    ...subject,
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.pem`,
  );
}

/** A certificate for a server, signed by `authority`: `name.crt` and `name.key`. */
function makeCertificate(folder: string, authority: string, name: string, alternative: string): void {
  writeFileSync(path.join(folder, `${name}.ext`), `subjectAltName = ${alternative}\n`);
  openssl(
    folder,
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-subj",
    "/CN=maskline test server",
    "-keyout",
    `${name}.key`,
    "-out",
    `${name}.csr`,
  );
  const signer = ["-CA", `${authority}.pem`, "-CAkey", `${authority}.key`, "-CAcreateserial", "-days", "2"];
  openssl(folder, "x509", "-req", "-in", `${name}.csr`, ...signer, "-extfile", `${name}.ext`, "-out", `${name}.crt`);
}

suite("TLS to the database", { skip: opensslMissing() }, () => {
  let ours: string;
  let serverFolder: string;
  let server: PostgresServer;
  let admin: pg.Client;
  before(async () => {
    ours = mkdtempSync(path.join(tmpdir(), "maskline-tls-"));
    makeAuthority(ours, "authority");
    makeAuthority(ours, "stranger");
    makeCertificate(ours, "authority", "by-name", "DNS:localhost");
    makeCertificate(ours, "authority", "by-address", "IP:127.0.0.1");
    writeFileSync(path.join(ours, "no-certificate.pem"), "this is no certificate\n");
    // the server's account cannot read what is ours, and wants its key to be read by nobody else
    const account = serverAccount();
    serverFolder = await makeServerFolder("maskline-tls-server-", account);
    for (const name of ["by-name", "by-address"]) {
      for (const [extension, mode] of [
        ["crt", "644"],
        ["key", "600"],
      ] as const) {
        const file = path.join(serverFolder, `${name}.${extension}`);
        execFileSync("install", ["-m", mode, path.join(ours, `${name}.${extension}`), file]);
        if (account) chownSync(file, account.uid, account.gid);
      }
    }
    server = await startPostgres({ settings: { ssl: "on", ...certificate("by-name") } });
    admin = await plainClient(server.url);
  });
  after(async () => {
    await admin?.end();
    await server?.stop();
    for (const folder of [ours, serverFolder]) if (folder) rmSync(folder, { recursive: true });
  });

  function certificate(name: string): { readonly ssl_cert_file: string; readonly ssl_key_file: string } {
    return { ssl_cert_file: path.join(serverFolder, `${name}.crt`), ssl_key_file: path.join(serverFolder, `${name}.key`) };
  }

  function authority(name: string = "authority"): string {
    return path.join(ours, `${name}.pem`);
  }

  interface Way {
    readonly host?: string;
    readonly tls?: DatabaseOptions["tls"];
    readonly ca?: string;
    readonly parameters?: Readonly<Record<string, string>>;
  }

  /** Whether the connection is encrypted, as the server sees it. */
  async function encrypted({ host = "localhost", tls = null, ca, parameters = {} }: Way): Promise<boolean> {
    const url = new URL(server.url);
    url.hostname = host;
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    const database = new Database({ url: url.href, tls, caFile: ca ?? null, connections: 1, connectTimeoutMs: 10_000 });
    try {
      const [row] = await database.query<{ ssl: boolean }>("looking", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
      return row?.ssl ?? false;
    } finally {
      await database.close();
    }
  }

  async function untrusted(way: Way, says: RegExp = /certificate is not trusted/): Promise<void> {
    await assert.rejects(encrypted(way), (error) => {
      assert.ok(error instanceof MasklineError, String(error));
      assert.equal(error.code, "database_tls");
      assert.equal(error.retryable, false);
      assert.match(error.message, says);
      assert.match(error.next ?? "", /sink\.postgres\./);
      return true;
    });
  }

  /** Changes settings of the running server, and waits until new connections have them. */
  async function reconfigure(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) await admin.query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await admin.query("SELECT pg_reload_conf()");
    const holds = async (): Promise<boolean> => {
      const fresh = await plainClient(server.url);
      try {
        const { rows } = await fresh.query<{ name: string; setting: string }>("SELECT name, setting FROM pg_settings");
        return Object.entries(settings).every(([name, value]) => rows.find((row) => row.name === name)?.setting === value);
      } finally {
        await fresh.end();
      }
    };
    for (;;) if (await holds()) return;
  }

  test("verify-full takes a certificate of the given authority for the name that is connected to", async () => {
    assert.equal(await encrypted({ tls: "verify-full", ca: authority() }), true);
  });

  test("verify-full refuses an authority that did not sign it, and without one relies on the system's", async () => {
    await untrusted({ tls: "verify-full", ca: authority("stranger") });
    await untrusted({ tls: "verify-full" });
    await untrusted({ tls: "verify-full", ca: authority("no-certificate") });
  });

  test("verify-full refuses a certificate for another name", async () => {
    await untrusted({ tls: "verify-full", ca: authority(), host: "127.0.0.1" }, /ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  test("require encrypts and asks for nothing more", async () => {
    assert.equal(await encrypted({ tls: "require" }), true);
    assert.equal(await encrypted({ tls: "require", host: "127.0.0.1" }), true);
  });

  test("off does not encrypt, also where the server could", async () => {
    assert.equal(await encrypted({ tls: "off" }), false);
  });

  test("on loopback the default is off, everywhere else verify-full", async () => {
    assert.equal(await encrypted({}), false);
    assert.equal(await encrypted({ host: "127.0.0.1" }), false);
    // this machine too, but not by a name that says so
    await untrusted({ host: "0.0.0.0" });
    await untrusted({ host: "0.0.0.0", ca: authority() }, /ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  test("sslmode and sslrootcert in the URL are understood as libpq does", async () => {
    const sslrootcert = authority();
    assert.equal(await encrypted({ parameters: { sslmode: "disable" } }), false);
    assert.equal(await encrypted({ parameters: { sslmode: "require" } }), true);
    for (const sslmode of ["verify-full", "verify-ca"]) {
      assert.equal(await encrypted({ parameters: { sslmode, sslrootcert } }), true);
      await untrusted({ parameters: { sslmode } });
      await untrusted({ parameters: { sslmode, sslrootcert: authority("stranger") } });
    }
    await untrusted({ parameters: { sslmode: "verify-full", sslrootcert }, host: "127.0.0.1" }, /ALTNAME/);
    // with an authority at hand, libpq does not take just any certificate for `require` either
    assert.equal(await encrypted({ parameters: { sslmode: "require", sslrootcert } }), true);
    await untrusted({ parameters: { sslmode: "require", sslrootcert: authority("stranger") } });
    assert.equal(await encrypted({ parameters: { sslmode: "disable" }, host: "0.0.0.0" }), false);
  });

  test("the option goes before the URL", async () => {
    await untrusted({ tls: "verify-full", parameters: { sslmode: "disable" } });
    assert.equal(await encrypted({ tls: "off", parameters: { sslmode: "require" } }), false);
    await untrusted({ tls: "verify-full", ca: authority("stranger"), parameters: { sslrootcert: authority() } });
  });

  test("an authority's file that cannot be read is a fault of the configuration", async () => {
    await assert.rejects(encrypted({ tls: "verify-full", ca: authority("nowhere") }), (error) => {
      assert.ok(error instanceof MasklineError);
      assert.equal(error.code, "config_invalid");
      assert.match(error.message, /sink\.postgres\.ca: .*nowhere\.pem cannot be read/);
      return true;
    });
  });

  test("a certificate for an address serves the address, and not the name", async () => {
    await reconfigure(certificate("by-address"));
    try {
      assert.equal(await encrypted({ tls: "verify-full", ca: authority(), host: "127.0.0.1" }), true);
      await untrusted({ tls: "verify-full", ca: authority() }, /ERR_TLS_CERT_ALTNAME_INVALID/);
    } finally {
      await reconfigure(certificate("by-name"));
    }
  });

  test("a server that wants encryption refuses an open connection and the error says where to look", async () => {
    const hba = path.join(server.dataFolder, "pg_hba.conf");
    const refusesPlain = "hostssl all all all scram-sha-256\n";
    const before = execFileSync("cat", [hba], { encoding: "utf8" });
    writeFileSync(hba, refusesPlain);
    try {
      await admin.query("SELECT pg_reload_conf()");
      const plain = async (): Promise<unknown> => encrypted({ tls: "off" }).catch((error: unknown) => error);
      let error = await plain();
      while (error === false) error = await plain();
      assert.ok(error instanceof MasklineError);
      assert.equal(error.code, "database_denied");
      assert.match(error.next ?? "", /sink\.postgres\.tls/);
      assert.equal(await encrypted({ tls: "verify-full", ca: authority() }), true);
    } finally {
      writeFileSync(hba, before);
      await admin.query("SELECT pg_reload_conf()");
    }
  });

  test("a server without TLS is refused unless it is allowed for", async () => {
    await reconfigure({ ssl: "off" });
    for (const tls of ["verify-full", "require"] as const) {
      await untrusted({ tls, ca: authority() }, /the server offers no TLS/);
      await assert.rejects(encrypted({ tls }), (error) => error instanceof MasklineError && /tls: off/.test(error.next ?? ""));
    }
    await untrusted({ host: "0.0.0.0" }, /the server offers no TLS/);
    assert.equal(await encrypted({}), false);
  });
});
