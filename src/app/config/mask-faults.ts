import type { ColumnOptions, ColumnType } from "../../contract/column.ts";
import { isStorable } from "../../contract/text.ts";
import { maskFacts, type MaskKind, type MaskOptionName } from "../../masks/mask.ts";

type MaskOptions = NonNullable<ColumnOptions["mask"]>;
type Fault = readonly [option: string, message: string];

/** Kinds that take other options for other types of column. All types a kind masks are listed. */
const optionsByType: Readonly<Partial<Record<MaskKind, Readonly<Partial<Record<ColumnType, readonly MaskOptionName[]>>>>>> = {
  partial: { text: ["first", "last"], ip: ["ipv4_prefix", "ipv6_prefix"], email: [] },
  generalise: { date: ["to"], timestamp: ["to"], integer: ["bucket"], number: ["bucket"] },
};

/** What a kind of mask wants of its options in a column of this type, beyond which of them are its own. */
export function* settingFaults(type: ColumnType, mask: MaskOptions): Generator<Fault> {
  // of a kind that does not mask the type nothing else needs to be said
  if (!maskFacts[mask.kind].types.includes(type)) return;
  yield* strayOptions(type, mask);
  yield* requirements[mask.kind]?.(type, mask) ?? [];
}

function* strayOptions(type: ColumnType, mask: MaskOptions): Generator<Fault> {
  const byType = optionsByType[mask.kind];
  for (const [option, value] of Object.entries(mask)) {
    const types = Object.entries(byType ?? {}).flatMap(([other, own]) => (own.some((name) => name === option) ? [other] : []));
    if (value !== undefined && types.length > 0 && !types.includes(type))
      yield [`mask.${option}`, `is for ${mask.kind} of ${types.join(", ")}; this column is ${type}`];
  }
}

const requirements: Readonly<Partial<Record<MaskKind, (type: ColumnType, mask: MaskOptions) => Iterable<Fault>>>> = {
  partial: shownParts,
  constant: constantText,
  generalise: coarseness,
  sha256: saltPlace,
};

function* shownParts(type: ColumnType, { first = 0, last = 0 }: MaskOptions): Generator<Fault> {
  if (type === "text" && first + last === 0)
    yield ["mask", "keeps nothing: write first: or last:, how many characters stay; or use kind: redact"];
}

function* constantText(_: ColumnType, { value }: MaskOptions): Generator<Fault> {
  if (value === undefined) yield ["mask.value", 'is missing: the text that stands in every row; write for example value: "-"'];
  else if (!isStorable(value)) yield ["mask.value", "holds NUL or half a surrogate pair, which PostgreSQL does not store"];
}

function* coarseness(type: ColumnType, { to, bucket }: MaskOptions): Generator<Fault> {
  if (type === "date" || type === "timestamp") {
    const fitting = type === "date" ? "month or year" : "hour, day, month or year";
    if (to === undefined) yield ["mask.to", `is missing: how coarse a ${type} becomes; write to: with ${fitting}`];
    else if (type === "date" && (to === "hour" || to === "day"))
      yield ["mask.to", `${to} leaves a date as it is; write to: with ${fitting}`];
  } else if (bucket === undefined) {
    yield ["mask.bucket", "is missing: the value is rounded down to a multiple of it; write for example bucket: 10"];
  } else if (type === "integer" && bucket === 1) {
    yield ["mask.bucket", "1 leaves an integer as it is; write 2 or more"];
  }
}

function* saltPlace(_: ColumnType, { salt, salt_at: place }: MaskOptions): Generator<Fault> {
  if (place !== undefined && salt === undefined) yield ["mask.salt_at", "says where the salt stands; there is no salt"];
}
