import type { PassesAsIs } from "../contract/column-reader.ts";
import type { Column } from "../contract/column.ts";
import type { Incoming } from "../contract/incoming.ts";
import type { TextColumn } from "../contract/text-column.ts";
import { MasklineError } from "../errors.ts";
import type { MaskKeys } from "../keys/mask-keys.ts";
import { openSealingContext } from "../keys/sealing.ts";
import { subjectHash } from "../keys/subject-hash.ts";
import { type Mask, masksWhole } from "../masks/mask.ts";
import type { MaskedColumn } from "../pipeline/masking.ts";
import { type BatchVault, ColumnsAgain, type Sighting, type VaultColumn, vaultPlace } from "../pipeline/vault.ts";
import { noSealingKey } from "./assemble-keys.ts";
import type { Settings } from "./config/load.ts";
import { isStoredPlain, subjectColumn } from "./config/subject.ts";

/** The vault of a contract's batches, a new one for each; null where no column has a vault mask. */
export function vaulting(
  settings: Settings,
  ring: MaskKeys,
  masked: readonly MaskedColumn[],
  exceptions: ReadonlyMap<string, PassesAsIs> = new Map(),
): (() => BatchVault) | null {
  const { columns: configured, contract } = settings;
  const named = subjectColumn(configured);
  if (named === null) return null;
  const { column: subject } = named;
  // a subject that is stored as it comes stands in the rows; one that is masked is read again
  const plainPlace = isStoredPlain(named) ? configured.indexOf(named) : null;
  const [current] = ring.sealing;
  if (current === undefined) throw noSealingKey();
  const kept = vaultColumns(masked, ring);
  const subjects = new ColumnsAgain(contract, [subject], exceptions);
  const originals = new ColumnsAgain(
    contract,
    kept.map(({ column }) => column),
    exceptions,
  );

  const seal = async (sightings: readonly Sighting[]): Promise<readonly Uint8Array[]> => {
    const context = await openSealingContext(current);
    const rows = new Map<Incoming, number>();
    for (const { delivery } of sightings) if (!rows.has(delivery)) rows.set(delivery, rows.size);
    return originals.read([...rows.keys()], (columns) => {
      const values = sightings.map(({ delivery, column }) => columns[column]?.at(rows.get(delivery) ?? -1) ?? null);
      return Promise.all(
        sightings.map(({ column, token }, index) => {
          const original = kept[column];
          const value = values[index] ?? null;
          // somebody else's original under a token would be revealed as its own: looked at before it is sealed
          if (original === undefined || value === null || original.mask.apply([value])[0] !== token)
            throw new MasklineError("internal", "an original is not that of its token");
          return context.seal(Buffer.from(value), vaultPlace(original.domain, token));
        }),
      );
    });
  };

  return () => {
    // what it remembers of values ends with the batch
    const hash = subjectHasher(ring, subject);
    return {
      columns: kept,
      seal,
      subjects: ({ columns, deliveries }) => {
        const hashesOf = (values: TextColumn | undefined): readonly (readonly Buffer[])[] => {
          const texts = (values?.texts() ?? []).map(somebody);
          return kept.map(({ keyId }) => texts.map((text) => hash(keyId, text)));
        };
        return plainPlace === null ? subjects.read(deliveries, ([values]) => hashesOf(values)) : hashesOf(columns[plainPlace]);
      },
      subjectOf: (refused) => {
        const value = subjects.first(refused);
        return value === null ? null : hash(kept[0]?.keyId ?? ring.primaryId, value);
      },
    };
  };
}

/** The contract demands a subject of every row: a link to nobody could never be erased. */
function somebody(value: string | null): string {
  if (value === null) throw new MasklineError("internal", "a row of nobody in a contract with a vault");
  return value;
}

interface KeptColumn extends VaultColumn {
  readonly column: Column;
  readonly mask: Mask;
}

function vaultColumns(masked: readonly MaskedColumn[], ring: MaskKeys): readonly KeptColumn[] {
  return masked.flatMap(({ column, mask }, place): readonly KeptColumn[] => {
    if (mask === null || !masksWhole(mask) || mask.definition.kind !== "vault") return [];
    const { domain, key } = mask.definition;
    return domain === null ? [] : [{ column, mask, place, domain, keyId: key ?? ring.primaryId }];
  });
}

/** Rows that come together are often of the same people: each is hashed once. */
function subjectHasher(ring: MaskKeys, { name }: Column): (keyId: number, value: string) => Buffer {
  const keys = new Map<number, { readonly key: Uint8Array; readonly known: Map<string, Buffer> }>();
  return (keyId, value) => {
    const { key, known } = keys.get(keyId) ?? { key: ring.subjectKey(keyId), known: new Map<string, Buffer>() };
    keys.set(keyId, { key, known });
    const hash = known.get(value) ?? subjectHash(key, name, value);
    known.set(value, hash);
    return hash;
  };
}
