import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, globSync } from "node:fs";
import path from "node:path";

/** PostgreSQL's own client where there is one; null otherwise. Debian's /usr/bin/psql is a Perl program before it: taken last. */
export function findPsql(): string | null {
  const inPath = (process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, "psql"));
  const candidates = [...globSync("/usr/lib/postgresql/*/bin/psql").sort(byVersion).reverse(), ...inPath];
  return candidates.find(canRun) ?? null;
}

function byVersion(left: string, right: string): number {
  return left.localeCompare(right, "en", { numeric: true });
}

function canRun(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs commands one after the other in one session. The URL does not stand among the arguments: it holds a password. */
export async function runPsql(psql: string, databaseUrl: string, commands: readonly string[]): Promise<void> {
  const { username, password, hostname, port, pathname } = new URL(databaseUrl);
  const child = spawn(
    psql,
    ["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", ...commands.flatMap((command) => ["--command", command])],
    {
      env: {
        ...process.env,
        PGHOST: hostname,
        PGPORT: port,
        PGUSER: decodeURIComponent(username),
        PGPASSWORD: decodeURIComponent(password),
        PGDATABASE: decodeURIComponent(pathname.slice(1)),
      },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${code}`);
}
