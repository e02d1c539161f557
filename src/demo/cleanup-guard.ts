import { spawn } from "node:child_process";

/**
 * Cleans up after a program that can no longer do so itself. Its standard input is a pipe that only the program holds: however
 * the program ends, kill -9 included, the pipe ends with it. Then the process whose number was written last is asked to stop
 * (told to, after ten seconds), and the folders are removed. The word "released" says that there is nothing left to do.
 * Containers without an init never bury what has died: a zombie counts as gone.
 */
const script = `
alive() { kill -0 "$target" && ! grep -q "^State:.Z" "/proc/$target/status"; }
while read -r line; do target=$line; done
[ "$target" = released ] && exit
if [ -n "$target" ] && kill -INT "$target"; then
  tenths=0
  while alive && [ "$tenths" -lt 100 ]; do sleep 0.1; tenths=$((tenths + 1)); done
  alive && kill -QUIT "$target"
fi
rm -rf -- "$@"
`;

export interface CleanupGuard {
  /** The process to stop when this program dies; takes the place of the one named before. */
  watch(processId: number): void;
  /** Everything was cleaned up in order: the guard ends without doing anything. */
  release(): Promise<void>;
}

/**
 * Starts a guard for these folders. One mechanism for a crash, `process.exit` and kill -9, and no hooks in this process.
 * Where there is no `sh` (Windows) the guard does nothing, and a killed program leaves its server behind.
 */
export function startCleanupGuard(folders: readonly string[]): CleanupGuard {
  if (process.platform === "win32") return { watch: () => {}, release: async () => {} };
  const shell = spawn("/bin/sh", ["-c", script, "maskline-cleanup", ...folders], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    // a group of its own: Ctrl-C in the terminal must not end the guard before what it guards
    detached: true,
  });
  const ended = new Promise<void>((resolve) => {
    shell.once("exit", () => resolve());
    shell.once("error", () => resolve());
  });
  shell.stdin.on("error", () => {});
  // The guard must not keep alive the program whose end it waits for.
  shell.unref();
  if ("unref" in shell.stdin && typeof shell.stdin.unref === "function") shell.stdin.unref();
  return {
    watch: (processId) => void shell.stdin.write(`${processId}\n`),
    release: async () => {
      shell.ref();
      shell.stdin.end("released\n");
      await ended;
    },
  };
}
