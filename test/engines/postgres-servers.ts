import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

import type { PostgresBinaries } from "../../src/demo/postgres-binaries.ts";
import { type PostgresOptions, type PostgresServer, startPostgres } from "../../src/demo/postgres-server.ts";
import { enginesFolder, isInstalled, notInstalled } from "./engine-process.ts";

/** A PostgreSQL the tests can run against: all of them by the driver that the demo uses. */
export interface PostgresEngine {
  readonly name: string;
  /** Why it cannot run here; null when it can. */
  readonly missing: string | null;
  start(options?: Omit<PostgresOptions, "binaries">): Promise<PostgresServer>;
}

/** Every PostgreSQL the tests know, those that cannot run here included: a skip has to say why. */
export function postgresServers(): readonly PostgresEngine[] {
  const postgres10 = path.join(enginesFolder, "postgres-10");
  const system = newestSystemFolder();
  return [
    { name: "embedded", missing: null, start: (options = {}) => startPostgres(options) },
    engine("system", system, "no PostgreSQL server under /usr/lib/postgresql: apt-get install postgresql"),
    engine("postgres-10", isInstalled("postgres-10") ? postgres10 : null, notInstalled("PostgreSQL 10")),
  ];
}

/** The programs of the newest PostgreSQL that is installed on this machine, and the folder they are in; null where there is none. */
export function systemPostgres(): { readonly binaries: PostgresBinaries; readonly folder: string } | null {
  const folder = newestSystemFolder();
  if (folder === null) return null;
  const bin = path.join(folder, "bin");
  return { binaries: { initdb: path.join(bin, "initdb"), postgres: path.join(bin, "postgres") }, folder: bin };
}

function engine(name: string, folder: string | null, otherwise: string): PostgresEngine {
  const bin = path.join(folder ?? "", "bin");
  const programs = { initdb: path.join(bin, "initdb"), postgres: path.join(bin, "postgres") };
  // the system's own is spread over several folders: it can only run where it is, and can
  const binaries: PostgresBinaries = folder?.startsWith(enginesFolder) ? { ...programs, folder } : programs;
  return {
    name,
    missing: folder === null ? otherwise : null,
    start: (options = {}) => startPostgres({ ...options, binaries }),
  };
}

/** Debian's layout: one folder for each major version. */
function newestSystemFolder(): string | null {
  const parent = "/usr/lib/postgresql";
  const versions = existsSync(parent) ? readdirSync(parent).sort((one, other) => Number(other) - Number(one)) : [];
  const newest = versions.find((version) => existsSync(path.join(parent, version, "bin", "postgres")));
  return newest === undefined ? null : path.join(parent, newest);
}
