import { compileContract } from "../contract/check.ts";
import { contractHash } from "../contract/contract-hash.ts";
import { describeStructure } from "../contract/structure.ts";
import { MasklineError } from "../errors.ts";
import { readKeyRingFile } from "../keys/providers/file.ts";
import type { KeyRing } from "../keys/ring.ts";
import { openSealingContext, type SealingContext } from "../keys/sealing.ts";
import type { Clock } from "../pipeline/clock.ts";
import type { Batch, Delivery } from "../pipeline/ports.ts";
import { type MaskedColumn, prepare, type Prepared } from "../pipeline/prepare.ts";
import type { Report } from "../pipeline/report.ts";
import { sealedContent, sealedPlace } from "../pipeline/sealed-body.ts";
import { Database } from "../postgres/database.ts";
import { pinMaskDefinitions } from "../postgres/mask-definitions.ts";
import { requireSchema } from "../postgres/migrate.ts";
import type { PostgresOptions } from "../postgres/options.ts";
import { registerPipeline } from "../postgres/pipelines.ts";
import { PostgresSink } from "../postgres/sink.ts";
import { checkTarget } from "../postgres/target.ts";
import { DrainRule } from "../sources/sqs/drain-rule.ts";
import { Queue, type QueueFacts } from "../sources/sqs/queue.ts";
import { SqsSource } from "../sources/sqs/source.ts";
import type { Settings } from "./config/load.ts";
import { columnDemands, maskPins } from "./masks.ts";

const connectTimeoutMs = 10_000;
/** Bodies a batch may hold: with two lanes well inside a container of 256 MB. */
const batchBytes = 16 * 1_048_576;

/** `sink.postgres`. @throws MasklineError `config_invalid` when it is left out */
export function postgresOf(settings: Settings): PostgresOptions {
  const options = settings.options.sink?.postgres;
  if (options === undefined) throw missing(settings, "sink.postgres");
  return options;
}

export function openDatabase(settings: Settings): Database {
  const { url, tls, ca } = postgresOf(settings);
  const connections = settings.options.run.lanes + 1;
  return new Database({ url, tls: tls ?? null, caFile: ca ?? null, connections, connectTimeoutMs });
}

/** The file behind `keyring: file:...`. */
export function keyRingFile(settings: Settings): string {
  const { keyring } = settings.options;
  if (keyring === undefined) throw missing(settings, "keyring");
  return keyring.replace(/^file:/, "");
}

export async function openKeyRing(settings: Settings): Promise<KeyRing> {
  return readKeyRingFile(keyRingFile(settings));
}

export function openQueue(settings: Settings): Queue {
  const options = settings.options.source?.sqs;
  if (options === undefined) throw missing(settings, "source.sqs");
  return new Queue({ url: options.queue, region: options.region ?? null, protocol: options.protocol });
}

export interface DrainWish {
  readonly facts: QueueFacts;
  /** null for the safe time. */
  readonly idleMs: number | null;
}

export function openSource(settings: Settings, queue: Queue, drain: DrainWish | null, clock: Clock, report: Report): SqsSource {
  const sqs = settings.options.source?.sqs;
  if (sqs === undefined) throw missing(settings, "source.sqs");
  return new SqsSource(
    queue,
    {
      parallelCalls: sqs.parallel_calls,
      waitSeconds: sqs.wait_seconds,
      batchBytes,
      lingerMs: settings.options.run.linger_ms,
      withAttributes: settings.contract.columns.some(({ from }) => from.startsWith("$attributes.")),
      drain: drain === null ? null : new DrainRule(drain.facts, drain.idleMs, clock.now()),
    },
    clock,
    report,
  );
}

/** Checks everything the database must be before the first message: schema, keys, definitions, target. */
export async function openSink(
  settings: Settings,
  ring: KeyRing,
  masked: readonly MaskedColumn[],
  database: Database,
): Promise<PostgresSink> {
  const { schema } = postgresOf(settings);
  const { contract, target: table } = settings;
  if (table === null) throw missing(settings, "sink.postgres.table");
  await requireSchema(database, schema);
  const columns = await checkTarget(database, table, columnDemands(masked));
  await pinMaskDefinitions(
    database,
    schema,
    maskPins(settings.columns, ring),
    ring.roots.map(({ id }) => id),
  );
  return new PostgresSink(database, {
    schema,
    table,
    columns,
    pipeline: await registerPipeline(database, schema, settings.pipeline),
    contractHash: contractHash(contract),
    describe: (delivery) => describeStructure(contract, delivery),
    recheckTarget: async () => void (await checkTarget(database, table, columnDemands(masked))),
  });
}

/** The pure middle of the pipeline: deliveries in, masked rows and refusals out. */
export function preparation(settings: Settings, masked: readonly MaskedColumn[]): (deliveries: readonly Delivery[]) => Prepared {
  const check = compileContract(settings.contract);
  return (deliveries) => prepare(deliveries, check, masked);
}

/** Seals refused deliveries under the ring's public sealing key, one HPKE context a batch, opened by the first of them. */
export function sealing(settings: Settings, ring: KeyRing): () => Batch["seal"] {
  const [current] = ring.sealing;
  if (current === undefined)
    throw new MasklineError("keyring_malformed", "the key ring has no sealing key", { next: "maskline keys create" });
  return () => {
    let context: Promise<SealingContext> | null = null;
    return async (delivery) => {
      context ??= openSealingContext(current);
      return (await context).seal(sealedContent(delivery), sealedPlace(settings.pipeline, delivery));
    };
  };
}

function missing(settings: Settings, option: string): MasklineError {
  return new MasklineError("config_invalid", `${settings.file} has no ${option}, which this command needs`, {
    next: "every option is in docs/reference/configuration.md; `maskline init` writes a starter file",
  });
}
