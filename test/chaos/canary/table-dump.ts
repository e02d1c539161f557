import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

import type { Workspace } from "../../harness/workspace.ts";

/** All tables of a database as text: by the `pg_dump` beside the server's programs, or table by table where there is none. */
export async function dumpTables({ database, databaseUrl }: Workspace, programs: string | null): Promise<string> {
  const program = path.join(programs ?? "", "pg_dump");
  if (programs !== null && existsSync(program)) return runPgDump(program, databaseUrl);
  const tables = await database.query<{ name: string }>(
    "listing tables",
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  let text = "";
  for (const { name } of tables) {
    for (const { row } of await database.query<{ row: string }>("dumping", `SELECT t::text AS row FROM ${name} AS t`))
      text += `${row}\n`;
  }
  return text;
}

async function runPgDump(program: string, databaseUrl: string): Promise<string> {
  const url = new URL(databaseUrl);
  const child = spawn(program, ["--host", url.hostname, "--port", url.port, "--username", url.username, url.pathname.slice(1)], {
    env: { PATH: process.env["PATH"] ?? "", PGPASSWORD: decodeURIComponent(url.password) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => (text += part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`pg_dump ended with ${code}`);
  return text;
}
