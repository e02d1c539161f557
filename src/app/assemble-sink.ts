import { contractHash } from "../contract/contract-hash.ts";
import { describeStructure } from "../contract/structure.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import { checkSkipping } from "../postgres/conflicts.ts";
import { Database } from "../postgres/database.ts";
import { FailureBudget } from "../postgres/failure-budget.ts";
import type { LoadChoices } from "../postgres/load-statement.ts";
import { pinMaskDefinitions } from "../postgres/mask-definitions.ts";
import { requireSchema } from "../postgres/migrate.ts";
import type { TableName } from "../postgres/names.ts";
import type { PostgresOptions } from "../postgres/options.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import type { ReceiptKey } from "../postgres/receipts.ts";
import { PostgresSink } from "../postgres/sink.ts";
import { checkTarget, type TargetColumn } from "../postgres/target.ts";
import { fileBeside, missingOption, type Settings } from "./config/load.ts";
import { subjectColumn } from "./config/subject.ts";
import { columnDemands, maskPins } from "./masks.ts";
import { treatmentsOf } from "./recovery/treatments.ts";
import { rightfulKeyIds } from "./tagged-columns.ts";

const connectTimeoutMs = 10_000;

/** `sink.postgres`. @throws MasklineError `config_invalid` when it is left out */
export function postgresOf(settings: Settings): PostgresOptions {
  const options = settings.options.sink?.postgres;
  if (options === undefined) throw missingOption(settings, "sink.postgres");
  return options;
}

export function openDatabase(settings: Settings): Database {
  const { url, tls, ca } = postgresOf(settings);
  // a lane loads while what it has received is noted; a process is heard of while its keys are renewed, and prunes beside
  const connections = settings.options.run.lanes * 2 + 3;
  return new Database({
    url,
    tls: tls ?? null,
    caFile: ca === undefined ? null : fileBeside(settings, ca),
    connections,
    connectTimeoutMs,
  });
}

/** FIFO queues and identities of the producer's own: the same message can have several sent times. */
export function receiptKeyOf({ contract, options }: Settings): ReceiptKey {
  const isFifo = options.source?.sqs?.queue.endsWith(".fifo") === true;
  return isFifo || contract.identity !== undefined ? "id" : "sent";
}

/** Opens the database for `work`, hands it the schema of what maskline owns, and closes it whatever happens. */
export async function withDatabase<T>(settings: Settings, work: (database: Database, schema: string) => Promise<T>): Promise<T> {
  const database = openDatabase(settings);
  try {
    return await work(database, postgresOf(settings).schema);
  } finally {
    await database.close();
  }
}

/** Where rows go, once it is known to be fit. */
export interface CheckedTarget extends LoadChoices {
  readonly schema: string;
  readonly table: TableName;
  readonly columns: readonly TargetColumn[];
}

/** Checks what rows need of the database, and writes nothing. */
export async function openTarget(settings: Settings, masked: readonly MaskedColumn[], database: Database): Promise<CheckedTarget> {
  const { schema, on_conflict } = postgresOf(settings);
  const { target: table } = settings;
  if (table === null) throw missingOption(settings, "sink.postgres.table");
  await requireSchema(database, schema);
  const columns = await checkTarget(database, table, columnDemands(masked));
  const skipConflicts = on_conflict === "skip";
  if (skipConflicts) await checkSkipping(database, table);
  const dropRefused = settings.options.run.refused === "drop";
  return { schema, table, columns, skipConflicts, dropRefused, receiptKey: receiptKeyOf(settings) };
}

/** Checks everything the database must be before the first message: schema, keys, definitions, target. */
export async function openSink(
  settings: Settings,
  ring: MaskKeys,
  masked: readonly MaskedColumn[],
  database: Database,
): Promise<PostgresSink> {
  const target = await openTarget(settings, masked, database);
  const { schema, table } = target;
  const { contract } = settings;
  await pinMaskDefinitions(database, schema, maskPins(settings.columns, ring), await rightfulKeyIds(database, schema, ring));
  const pipeline = await registerPipeline(database, schema, settings.pipeline);
  const { refused, share, window } = settings.options.limits;
  const budget = new FailureBudget(database, schema, pipeline, { refused, share, window });
  await budget.requireUntripped();
  return new PostgresSink(database, {
    ...target,
    pipeline,
    budget,
    contractHash: contractHash(contract),
    masks: JSON.stringify(treatmentsOf(settings)),
    needsVault: subjectColumn(settings.columns) !== null,
    describe: (delivery) => describeStructure(contract, delivery),
    recheckTarget: async () => void (await checkTarget(database, table, columnDemands(masked))),
  });
}
