import { execFileSync } from "node:child_process";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { MasklineError } from "../errors.ts";
import { type Account, runToEnd } from "./process.ts";

/**
 * The account PostgreSQL runs under: this process's own, unless that is root, which PostgreSQL refuses. Then `postgres`, which a
 * machine with PostgreSQL has, else `nobody`, which every machine has. Both are there already: a demo adds no account to a machine.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    try {
      const [uid, gid] = ["-u", "-g"].map((flag) =>
        Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"] })),
      );
      if (uid !== undefined && gid !== undefined && uid > 0 && gid > 0) return { uid, gid };
    } catch {
      // no such account: try the next
    }
  }
  throw new MasklineError(
    "setup_failed",
    'PostgreSQL refuses to run as root, and there is no account "postgres" or "nobody" here',
    {
      next: "run the command as an ordinary user",
    },
  );
}

/**
 * A fresh temporary folder that belongs to `account` (left out: to this process's own) and that it can reach. Nobody else but
 * root may enter it.
 */
export async function makeServerFolder(prefix: string, account: Account | undefined): Promise<string> {
  // root's TMPDIR is often a folder that only root may enter
  const parents = account === undefined ? [tmpdir()] : [...new Set([tmpdir(), "/tmp", "/var/tmp", "/dev/shm"])];
  let reason = "";
  for (const parent of parents) {
    try {
      const folder = await mkdtemp(path.join(parent, prefix));
      if (account === undefined) return folder;
      await chown(folder, account.uid, account.gid);
      const reached = await runToEnd("/bin/sh", ["-c", 'test -w "$0"', folder], { cwd: "/", account });
      if (reached.succeeded) return folder;
      await rm(folder, { recursive: true });
      reason = `the server's account cannot reach ${parent}`;
    } catch (error) {
      reason = `no folder could be made in ${parent}: ${(error as NodeJS.ErrnoException).code ?? "unknown"}`;
    }
  }
  throw new MasklineError("setup_failed", "there is no place for a server's temporary files", {
    next: "set TMPDIR to a folder that every user may enter",
    details: [reason],
  });
}
