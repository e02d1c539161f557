import { execFile } from "node:child_process";
import { chown, mkdtemp, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { serverAccount } from "../../src/demo/server-account.ts";

const run = promisify(execFile);

/** A file system of a few megabytes in memory, for a database's account. */
export interface SmallDisk {
  readonly folder: string;
  /** Leaves no byte free. */
  fill(): Promise<void>;
  /** As it was before. */
  relieve(): Promise<void>;
  remove(): Promise<void>;
}

/** Null where this process may not mount anything: then no disk can be made full without harm to others. */
export async function makeSmallDisk(megabytes: number): Promise<SmallDisk | null> {
  const folder = await mkdtemp(path.join(tmpdir(), "maskline-small-disk-"));
  const account = serverAccount();
  try {
    if (account === undefined) throw new Error("only root may mount");
    await run("mount", [
      "-t",
      "tmpfs",
      "-o",
      `size=${megabytes}m,mode=0700,uid=${account.uid},gid=${account.gid}`,
      "tmpfs",
      folder,
    ]);
  } catch {
    await rm(folder, { recursive: true, force: true });
    return null;
  }
  const filling = path.join(folder, "filling");
  return {
    folder,
    fill: async () => {
      const { bavail, bsize } = await statfs(folder);
      // the last block may be gone when it comes to it: full is what is wanted
      await writeFile(filling, Buffer.alloc(bavail * bsize)).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      });
      if (account !== undefined) await chown(filling, account.uid, account.gid);
    },
    relieve: () => rm(filling, { force: true }),
    remove: async () => {
      await run("umount", ["--lazy", folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
