import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { referencePages } from "./pages.ts";

// `npm run docs` writes docs/reference; `--check` only says which of its files are stale, and fails then.
const folder = path.resolve(import.meta.dirname, "../../../docs/reference");
const checking = process.argv.includes("--check");

await mkdir(folder, { recursive: true });
for (const { file, text } of await referencePages()) {
  const place = path.join(folder, file);
  const present = await readFile(place, "utf8").catch(() => null);
  if (present === text) continue;
  if (checking) {
    process.stderr.write(`docs/reference/${file} is stale: run npm run docs\n`);
    process.exitCode = 1;
  } else {
    await writeFile(place, text);
    process.stderr.write(`wrote docs/reference/${file}\n`);
  }
}
