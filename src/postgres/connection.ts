import { readFileSync } from "node:fs";

import type pg from "pg";

import { MasklineError } from "../errors.ts";
import type { PostgresOptions } from "./options.ts";

type TlsMode = NonNullable<PostgresOptions["tls"]>;

export interface DatabaseOptions {
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** null: `off` on loopback, `verify-full` everywhere else. */
  readonly tls: TlsMode | null;
  /** PEM file of the authority that signed the server's certificate; null for the system's. */
  readonly caFile: string | null;
  readonly connections: number;
  readonly connectTimeoutMs: number;
}

const understoodParameters: readonly string[] = ["sslmode", "sslrootcert"];
const tlsBySslmode: Readonly<Record<string, TlsMode>> = {
  disable: "off",
  require: "require",
  "verify-ca": "verify-full",
  "verify-full": "verify-full",
};

/** What is wrong with the URL of a database; null if nothing is. It may hold a password: nothing of it is repeated. */
export function databaseUrlProblem(text: string): string | null {
  const form = "is not of the form postgres://user:password@host:port/database";
  const encode = "in user and password, write / ? # @ and % percent-encoded (%2F %3F %23 %40 %25)";
  if (!URL.canParse(text)) return `${form}; ${encode}`;
  const url = new URL(text);
  if (!/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") return form;
  // an unencoded / ? or # ends the host early: what follows it would be taken for the database's name, and shown as such
  const cut = url.hash !== "" || /@/.test(url.pathname + url.search);
  if (cut || ![url.username, url.password, url.hostname, url.pathname].every(decodes)) return `${form}; ${encode}`;
  for (const name of url.searchParams.keys()) {
    if (!understoodParameters.includes(name)) return `${form}; of parameters only sslmode and sslrootcert are understood`;
  }
  const sslmode = url.searchParams.get("sslmode");
  if (sslmode !== null && !Object.hasOwn(tlsBySslmode, sslmode))
    return `${form}; sslmode is one of: ${Object.keys(tlsBySslmode).join(", ")}`;
  return null;
}

function decodes(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function readUrl(text: string): URL {
  const problem = databaseUrlProblem(text);
  if (problem === null) return new URL(text);
  throw new MasklineError("config_invalid", `sink.postgres.url ${problem}`, {
    next: "correct it in maskline.yaml or the environment",
  });
}

/** What the driver needs, and what may be shown of it. @throws MasklineError `config_invalid` */
export function connectionConfig(options: DatabaseOptions): { where: string; config: pg.PoolConfig } {
  const url = readUrl(options.url);
  const host = decodeURIComponent(url.hostname.replace(/^\[|\]$/g, ""));
  const port = url.port === "" ? 5432 : Number(url.port);
  const user = decodeURIComponent(url.username);
  const database = decodeURIComponent(url.pathname.slice(1)) || user || "postgres";
  return {
    where: `${host}:${port}/${database}`,
    config: {
      host,
      port,
      database,
      user: user || undefined,
      password: decodeURIComponent(url.password) || undefined,
      application_name: "maskline",
      max: options.connections,
      connectionTimeoutMillis: options.connectTimeoutMs,
      ssl: tlsConfig(options, url, host),
    },
  };
}

/** `sslmode` and `sslrootcert` in the URL are understood as libpq does, as far as they ask for no less than the options here. */
function tlsConfig(options: DatabaseOptions, url: URL, host: string): pg.PoolConfig["ssl"] {
  const loopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  const caFile = options.caFile ?? url.searchParams.get("sslrootcert");
  const asked = tlsBySslmode[url.searchParams.get("sslmode") ?? ""];
  // with an authority at hand, libpq verifies for `require` too
  const understood = asked === "require" && caFile !== null ? "verify-full" : asked;
  const mode = options.tls ?? understood ?? (loopback ? "off" : "verify-full");
  if (mode === "off") return false;
  return {
    rejectUnauthorized: mode === "verify-full",
    // for an address in place of a name, node:tls checks the certificate against `host`
    ...({ host } as object),
    ...(caFile === null ? {} : { ca: readCa(caFile) }),
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    throw new MasklineError("config_invalid", `sink.postgres.ca: ${file} cannot be read`, {
      next: "name the PEM file of the authority that signed the server's certificate",
    });
  }
}
