import type { ColumnOptions, ColumnType } from "../../contract/column.ts";
import { isStorable } from "../../contract/text.ts";
import { ff1Problem } from "../../masks/ff1/problem.ts";
import { maskFacts, maskKinds, type MaskKind, type MaskOptionName } from "../../masks/mask.ts";
import { everyDomain, quarantineDomain } from "../../recovery/audit-entry.ts";

type MaskOptions = NonNullable<ColumnOptions["mask"]>;
type Fault = readonly [option: string, message: string];

/** Kinds that take other options for other types of column. All types a kind masks are listed. */
const optionsByType: Readonly<Partial<Record<MaskKind, Readonly<Partial<Record<ColumnType, readonly MaskOptionName[]>>>>>> = {
  partial: { text: ["first", "last"], ip: ["ipv4_prefix", "ipv6_prefix"], email: [] },
  generalise: { date: ["to"], timestamp: ["to"], integer: ["bucket"], number: ["bucket"] },
};

/** Domains of the policy that are no mask's: a right to values of such a column would be one to all of these. */
const reservedFor: Readonly<Record<string, string>> = { [quarantineDomain]: "refused messages", [everyDomain]: "every domain" };
const reservedDomains: readonly string[] = Object.keys(reservedFor);

/** What is wrong with a mask as it is written beyond what the schema can say. `max` is the longest text that comes to it; null for any. */
export function* maskFaults(name: string, type: ColumnType, max: number | null, mask: MaskOptions): Generator<Fault> {
  const facts = maskFacts[mask.kind];
  if (!facts.types.includes(type)) {
    const fitting = maskKinds.filter((kind) => maskFacts[kind].types.includes(type) && !maskFacts[kind].insecure);
    yield ["mask.kind", `${mask.kind} is for ${facts.types.join(", ")}; this column is ${type}: use ${fitting.join(", ")}`];
  }
  for (const option of Object.keys(mask).filter((key): key is MaskOptionName => key !== "kind" && key !== "domain")) {
    if (facts.options.includes(option)) continue;
    const kinds = maskKinds.filter((kind) => maskFacts[kind].options.includes(option));
    yield [`mask.${option}`, `is for ${kinds.join(", ")}; this mask is ${mask.kind}`];
  }
  if (mask.domain !== undefined && reservedDomains.includes(mask.domain)) {
    yield ["mask.domain", `${mask.domain} is what the policy calls ${reservedFor[mask.domain]}: name another domain`];
  }
  if (facts.keyed && mask.domain === undefined) {
    yield [
      "mask.domain",
      `is missing: ${mask.kind} derives its key from it; write for example domain: ${name.replace(/^masked_/, "")}`,
    ];
  }
  yield* settingFaults(type, max, mask);
  if (!facts.keyed && mask.domain !== undefined) yield ["mask.domain", `is for keyed masks; ${mask.kind} has no key`];
  if (mask.encode === "packed" && type !== "ip" && type !== "uuid")
    yield ["mask.encode", `packed is for ip and uuid; this column is ${type}`];
  if (mask.kind === "sha256" && mask.insecure !== true) {
    yield [
      "mask.kind",
      "sha256 without a key is not masking: all 4.3 billion IPv4 addresses are tried in 192 s on one core, all ids of nine digits in 45 s. Use siv or hmac; to read a legacy table, add insecure: true",
    ];
  }
}

/** What a kind of mask wants of its options in a column of this type, beyond which of them are its own. */
function* settingFaults(type: ColumnType, max: number | null, mask: MaskOptions): Generator<Fault> {
  // of a kind that does not mask the type nothing else needs to be said
  if (!maskFacts[mask.kind].types.includes(type)) return;
  yield* strayOptions(type, mask);
  yield* requirements[mask.kind]?.({ type, max, mask }) ?? [];
}

function* strayOptions(type: ColumnType, mask: MaskOptions): Generator<Fault> {
  const byType = optionsByType[mask.kind];
  for (const [option, value] of Object.entries(mask)) {
    const types = Object.entries(byType ?? {}).flatMap(([other, own]) => (own.some((name) => name === option) ? [other] : []));
    if (value !== undefined && types.length > 0 && !types.includes(type))
      yield [`mask.${option}`, `is for ${mask.kind} of ${types.join(", ")}; this column is ${type}`];
  }
}

interface MaskedField {
  readonly type: ColumnType;
  readonly max: number | null;
  readonly mask: MaskOptions;
}

const requirements: Readonly<Partial<Record<MaskKind, (field: MaskedField) => Iterable<Fault>>>> = {
  ff1: ff1Form,
  partial: shownParts,
  constant: constantText,
  generalise: coarseness,
  sha256: saltPlace,
  vault: vaultSubject,
};

function* ff1Form({ max, mask }: MaskedField): Generator<Fault> {
  const problem = ff1Problem(mask, max);
  if (problem !== null) yield [`mask.${problem.option}`, problem.message];
}

function* shownParts({ type, max, mask: { first = 0, last = 0 } }: MaskedField): Generator<Fault> {
  if (type !== "text") return;
  if (first + last === 0) yield ["mask", "keeps nothing: write first: or last:, how many characters stay; or use kind: redact"];
  else if (max !== null && max < 2 * (first + last))
    yield [
      "mask",
      `shows nothing of any value: at least half of it stays hidden, and max is ${max}; keep fewer characters, or use kind: redact`,
    ];
}

function* constantText({ mask: { value } }: MaskedField): Generator<Fault> {
  if (value === undefined) yield ["mask.value", 'is missing: the text that stands in every row; write for example value: "-"'];
  else if (!isStorable(value)) yield ["mask.value", "holds NUL or half a surrogate pair, which PostgreSQL does not store"];
}

function* coarseness({ type, mask: { to, bucket } }: MaskedField): Generator<Fault> {
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

function* vaultSubject({ mask: { subject } }: MaskedField): Generator<Fault> {
  if (subject === undefined)
    yield [
      "mask.subject",
      "is missing: the column that says whose a row is, so that it can be erased; write for example subject: user_id",
    ];
}

function* saltPlace({ mask: { salt, salt_at: place } }: MaskedField): Generator<Fault> {
  if (place !== undefined && salt === undefined) yield ["mask.salt_at", "says where the salt stands; there is no salt"];
}
