import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { parse } from "yaml";

import { loadSettings } from "../../src/app/config/load.ts";
import { starterConfig, starterTable } from "../../src/app/starter.ts";

interface Service {
  readonly build?: string;
  readonly image: string;
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
}

interface Instruction {
  readonly name: string;
  readonly text: string;
}

const root = path.resolve(import.meta.dirname, "..", "..");
const textOf = (file: string): string => readFileSync(path.join(root, file), "utf8");

const compose = parse(textOf("compose.yaml"), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);
const maskline = compose.services["maskline"] as Service;

const instructions: readonly Instruction[] = textOf("Dockerfile")
  .replaceAll(/^\s*#.*\n/gm, "")
  .replaceAll("\\\n", " ")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .map((line) => {
    const [name = "", ...rest] = line.trim().split(/\s+/);
    return { name, text: rest.join(" ") };
  });
const finalStage = instructions.slice(instructions.findLastIndex(({ name }) => name === "FROM"));
const argument = (name: string): string =>
  instructions.find((instruction) => instruction.name === "ARG" && instruction.text.startsWith(`${name}=`))?.text ?? "";
const lastOf = (name: string): string => finalStage.findLast((instruction) => instruction.name === name)?.text ?? "";

/** `${NAME:-default}` as compose fills it in when NAME is not set. */
const withDefaults = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");

/** What compose.yaml takes from this folder: [file here, path in the container]. */
const bound = services.flatMap(([, { volumes = [] }]) =>
  volumes.filter((volume) => volume.startsWith(".")).map((volume) => volume.split(":") as [string, string, string?]),
);

test("compose: an image from elsewhere has a tag that names a version", () => {
  const foreign = services.filter(([, { build }]) => build === undefined).map(([, { image }]) => image);
  assert.equal(foreign.length, 2);
  for (const image of foreign) assert.match(image, /^[a-z0-9/-]+:\d+\.\d+[\w.-]*$/);
});

test("compose: ports are open on loopback only", () => {
  const ports = services.flatMap(([, service]) => service.ports ?? []);
  assert.equal(ports.length, 2);
  for (const port of ports) assert.match(withDefaults(port), /^127\.0\.0\.1:\d+:\d+$/);
});

test("compose: what runs our image has no root, no capability, no way to either, and a root file system it cannot write", () => {
  assert.deepEqual(ours.map(([name]) => name).sort(), ["keys", "maskline", "migrate"]);
  for (const [name, service] of ours) {
    assert.equal(service.user, lastOf("USER"), name);
    assert.equal(service.read_only, true, name);
    assert.deepEqual(service.cap_drop, ["ALL"], name);
    assert.equal(service.stop_grace_period, "30s", name);
  }
  for (const [name, { security_opt: options }] of services) assert.deepEqual(options, ["no-new-privileges:true"], name);
});

test("compose: a service waits for what is there, healthy or done", () => {
  for (const [name, { depends_on: needs = {} }] of services) {
    for (const [needed, { condition }] of Object.entries(needs)) {
      const service = compose.services[needed];
      assert.ok(service, `${name} needs ${needed}`);
      assert.equal(condition, service.healthcheck ? "service_healthy" : "service_completed_successfully", `${name}: ${needed}`);
    }
  }
  assert.deepEqual(Object.keys(maskline.depends_on ?? {}).sort(), ["elasticmq", "keys", "migrate"]);
  for (const service of ["elasticmq", "postgres"]) assert.ok(compose.services[service]?.healthcheck, service);
});

test("compose: every file it mounts is there, read-only in the container, and not kept out of version control", () => {
  assert.equal(new Set(bound.map(([file]) => file)).size, 3);
  for (const [file, , mode] of bound) {
    assert.ok(existsSync(path.join(root, file)), file);
    assert.equal(mode, "ro", file);
    const ignored = spawnSync("git", ["check-ignore", "--quiet", "--no-index", file], { cwd: root });
    assert.notEqual(ignored.status, 0, `${file} is ignored by git`);
  }
});

test("compose: named volumes are declared; only the service that makes the key ring may write it", () => {
  const writers = [];
  for (const [name, { volumes = [] }] of services) {
    for (const volume of volumes.filter((text) => !text.startsWith("."))) {
      const [source = "", , mode] = volume.split(":");
      assert.ok(source in compose.volumes, volume);
      if (source === "keys" && mode !== "ro") writers.push(name);
    }
  }
  assert.deepEqual(writers, ["keys"]);
});

test("compose: its maskline.yaml is a sound configuration for its own servers, with the starter file's columns", () => {
  const file = bound.find(([, target]) => target === "/work/maskline.yaml")?.[0] ?? "";
  const environment = Object.fromEntries(
    Object.entries(maskline.environment ?? {}).map(([name, value]) => [name, withDefaults(value)]),
  );
  const settings = loadSettings({ file: path.join(root, file), environment, overrides: [] });

  const queue = new URL(settings.options.source?.sqs?.queue ?? "");
  assert.equal(queue.hostname, "elasticmq");
  const queueName = queue.pathname.split("/").at(-1) ?? "";
  assert.match(textOf("examples/compose/elasticmq.conf"), new RegExp(`^\\s*${queueName} \\{`, "m"));

  const database = new URL(settings.options.sink?.postgres?.url ?? "");
  const server = compose.services["postgres"]?.environment ?? {};
  assert.equal(database.hostname, "postgres");
  assert.equal(database.username, server["POSTGRES_USER"]);
  assert.equal(database.password, withDefaults(server["POSTGRES_PASSWORD"] ?? ""));
  assert.equal(database.pathname.slice(1), server["POSTGRES_DB"]);
  assert.equal(settings.options.sink?.postgres?.tls, "off");

  const ring = settings.options.keyring?.from.replace("file:", "") ?? "";
  assert.ok(compose.services["keys"]?.entrypoint?.at(-1)?.includes(`keys create ${ring}`));
  const starter = parse(starterConfig) as { readonly columns: unknown };
  assert.deepEqual((parse(textOf(file)) as { readonly columns: unknown }).columns, starter.columns);
});

test("compose: the table is the starter's", () => {
  assert.equal(textOf("examples/compose/user_logins.sql"), starterTable);
});

test("Dockerfile: ends as a numbered user with a command that gets signals itself", () => {
  assert.match(lastOf("USER"), /^[1-9]\d*:[1-9]\d*$/);
  assert.deepEqual(JSON.parse(lastOf("ENTRYPOINT")), ["node", "/app/bin/maskline.js"]);
  assert.deepEqual(JSON.parse(lastOf("CMD")), ["run"]);
  assert.equal(lastOf("STOPSIGNAL"), "SIGTERM");
  assert.match(lastOf("ENV"), /NODE_ENV=production/);
});

test("Dockerfile: the node image satisfies engines, and the version is the package's", () => {
  const manifest = JSON.parse(textOf("package.json")) as { readonly version: string; readonly engines: { readonly node: string } };
  const [, image] = /^NODE_IMAGE=node:(\d+)-\w+-slim$/.exec(argument("NODE_IMAGE")) ?? [];
  const [, floor] = /^>=(\d+)\./.exec(manifest.engines.node) ?? [];
  // a tag of a major only is its newest release
  assert.ok(Number(image) >= Number(floor), `node ${image} for engines ${manifest.engines.node}`);
  assert.equal(argument("VERSION"), `VERSION=${manifest.version}`);
});

test("Dockerfile: what it copies is in the repository and in the build context, and stages it copies from exist", () => {
  const context = textOf(".dockerignore").split("\n");
  assert.ok(context.includes("*"), "nothing is in the context unless it is named");
  const stages = instructions.flatMap(({ name, text }) => (name === "FROM" ? [text.split(/ AS /i)[1] ?? ""] : []));
  const copies = instructions.filter(({ name }) => name === "COPY");
  assert.ok(copies.length > 5);
  for (const { text } of copies) {
    const words = text.split(" ");
    const stage = words.find((word) => word.startsWith("--from="))?.slice("--from=".length);
    if (stage !== undefined) {
      assert.ok(stages.includes(stage), text);
      continue;
    }
    for (const source of words.filter((word) => !word.startsWith("--")).slice(0, -1)) {
      assert.ok(existsSync(path.join(root, source)), source);
      assert.ok(context.includes(`!${source}`) || context.includes(`!${source.split("/")[0]}`), `${source} is not in the context`);
    }
  }
});
