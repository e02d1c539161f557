// Run as a program: replaces the ring in a file, and kills itself at the given step of the file system's.
// Arguments: the way, the step (-1 for none), the file, the text that is there, the new text.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

import { fileStore } from "../../../src/keys/providers/file.ts";

const [way = "", step = "-1", path = "", previous = "", text = ""] = process.argv.slice(2);
let steps = 0;

/** Before the step's own effect; a write first leaves half of it behind. */
async function stepped<T>(work: () => Promise<T>, half: () => Promise<unknown> = () => Promise.resolve()): Promise<T> {
  if (steps === Number(step)) {
    await half();
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  }
  steps += 1;
  return work();
}

for (const name of ["open", "rename", "unlink", "realpath", "stat"] as const) {
  const original = fs[name] as (...values: unknown[]) => Promise<unknown>;
  Reflect.set(fs, name, (...values: unknown[]) => stepped(() => original(...values)));
}
const sample = await fs.open(path, "r");
await sample.close();
const handle = Object.getPrototypeOf(sample) as Record<string, (...values: unknown[]) => Promise<unknown>>;
for (const name of ["writeFile", "sync", "chmod", "chown", "stat", "readFile"]) {
  const original = handle[name];
  if (original === undefined) throw new Error(`file handles have no ${name}`);
  handle[name] = function (this: unknown, ...values) {
    const half = (): Promise<unknown> =>
      name === "writeFile" ? original.call(this, String(values[0]).slice(0, 20)) : Promise.resolve();
    return stepped(() => original.apply(this, values), half);
  };
}
syncBuiltinESMExports();
steps = 0;

if (way === "store") await fileStore(path).replace(text, previous);
// what must be caught: the file is emptied first, then written
else if (way === "in place") {
  const file = await fs.open(path, "w");
  await file.writeFile(text);
  await file.sync();
  await file.close();
}
process.stdout.write(`${steps}`);
