import { starterTable } from "../../src/app/starter.ts";
import { type BodyKind, furtherColumns, knownDevices } from "../load-queue/bodies.ts";

/** The table's name as consumers are told it. */
export const tableName = "public.user_logins";

/** The demo's table, no key; with the columns of `columns40`, and with the CHECK that some bodies break. */
export function tableSql(kind: BodyKind, withCheck: boolean): string {
  const statements = [starterTable];
  if (kind === "columns40") {
    const added = furtherColumns.map(({ name, sqlType }) => `ADD COLUMN ${name} ${sqlType}`);
    statements.push(`ALTER TABLE user_logins ${added.join(", ")};`);
  }
  if (withCheck) {
    const known = knownDevices.map((device) => `'${device}'`).join(", ");
    statements.push(`ALTER TABLE user_logins ADD CONSTRAINT known_device CHECK (device_type IN (${known}));`);
  }
  return statements.join("\n");
}

/** In what a maskline.yaml differs from the one `maskline init` writes. */
export interface Variant {
  readonly kind: BodyKind;
  /** Further options of the source. */
  readonly source?: string;
  /** Further lines. */
  readonly lines?: string;
}

/**
 * maskline.yaml: the starter's columns, receipts, quarantine, ledger and failure budget on. Queue and ring are named by the environment of
 * every consumer (BENCH_…).
 */
export function configuration({ kind, source = "", lines = "" }: Variant): string {
  const further = kind === "columns40" ? furtherColumns : [];
  return `source:
  sqs: { queue: "\${BENCH_QUEUE_URL}", region: us-east-1${source === "" ? "" : `, ${source}`} }
keyring: "file:\${BENCH_KEYRING}"
sink:
  postgres: { url: "\${BENCH_DATABASE_URL}", table: ${tableName} }
columns:
  user_id:          { type: text, max: 128, required: true }
  device_type:      { type: text, max: 32, required: true }
  masked_ip:        { from: ip,        type: ip,            mask: { kind: siv, domain: login.ip } }
  masked_device_id: { from: device_id, type: text, max: 40, mask: { kind: siv, domain: login.device_id } }
  locale:           { type: text, max: 32 }
  app_version:      { type: version, as: major, required: true }
  create_date:      { from: $sent_at, type: date }
${further.map(({ name, type }) => `  ${name}: { type: ${type}${type === "text" ? ", max: 64" : ""} }\n`).join("")}${lines}`;
}
