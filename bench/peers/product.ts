import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { withDatabase } from "../../src/app/assemble-sink.ts";
import { loadSettings, type Settings } from "../../src/app/config/load.ts";
import { run } from "../../src/app/run.ts";
import type { Source } from "../../src/pipeline/ports.ts";
import { migrate } from "../../src/postgres/migrate.ts";
import { region, type Task } from "./task.ts";

/** The login pipeline at its defaults, as `maskline init` writes it. Variables MASKLINE_… change options here as they do for maskline. */
export function productSettings(task: Task, overrides: readonly string[] = []): Settings {
  const folder = mkdtempSync(path.join(tmpdir(), "maskline-peer-"));
  const file = path.join(folder, "maskline.yaml");
  try {
    writeFileSync(file, productConfiguration(task), { mode: 0o600 });
    return loadSettings({ file, environment: { ...process.env, DATABASE_URL: task.databaseUrl }, overrides });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Each text in it is a JSON text, which YAML reads as it is. The database's URL is a secret and stays in the environment. */
export function productConfiguration({ queueUrl, table, keyRing }: Pick<Task, "queueUrl" | "table" | "keyRing">): string {
  return `
source: { sqs: { queue: ${JSON.stringify(queueUrl)}, region: ${region} } }
keyring: ${JSON.stringify(`file:${path.resolve(keyRing)}`)}
sink: { postgres: { url: "\${DATABASE_URL}", table: ${JSON.stringify(table)} } }
columns:
  user_id: { type: text, max: 128, required: true }
  device_type: { type: text, max: 32, required: true }
  masked_ip: { from: ip, type: ip, mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  locale: { type: text, max: 32 }
  app_version: { type: version, as: major, required: true }
  create_date: { from: $sent_at, type: date }
`;
}

/** The product's own run until `stop`, every guarantee on; with another source in place of its own where one is given. */
export async function runProduct(settings: Settings, stop: AbortSignal, source?: Source): Promise<void> {
  await withDatabase(settings, migrate);
  await run(
    settings,
    {
      drain: false,
      idleMs: null,
      maxMessages: Infinity,
      report: () => {},
      onReady: () => {},
      ...(source === undefined ? {} : { wrapSource: () => source }),
    },
    stop,
  );
}
