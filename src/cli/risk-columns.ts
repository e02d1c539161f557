import type { ColumnRisk, MaskExposure } from "../app/recovery/risk.ts";
import type { Attacker } from "../recovery/attackers.ts";
import type { SizeCount } from "../recovery/risk.ts";
import type { TableColumn } from "./table.ts";
import { percent, timeTaken } from "./time-taken.ts";

const share = (part: number | null): string | null => (part === null ? null : percent(part));

export const frequencyColumns: readonly TableColumn<ColumnRisk>[] = [
  { title: "column", value: ({ column }) => column },
  { title: "mask", value: ({ kind }) => kind },
  { title: "rows", value: ({ rows }) => rows },
  { title: "null", value: ({ nulls }) => nulls },
  { title: "different", value: ({ distinct }) => distinct },
  { title: "most frequent", value: ({ topShare }) => share(topShare) },
  { title: "top 10", value: ({ topTenShare }) => share(topTenShare) },
  { title: "entropy, bits", value: ({ entropyBits }) => entropyBits },
];

export function sizeColumns(unit: string): readonly TableColumn<SizeCount>[] {
  return [
    { title: unit, value: ({ size }) => size },
    { title: "groups", value: ({ groups }) => groups },
    { title: "rows", value: ({ rows }) => rows },
  ];
}

export const exposureColumns: readonly TableColumn<MaskExposure>[] = [
  { title: "column", value: ({ place }) => place },
  { title: "mask", value: ({ kind }) => kind },
  { title: "of all", value: ({ domain }) => domain.says },
  { title: "values/s", value: ({ valuesPerSecond }) => (valuesPerSecond === null ? null : Math.round(valuesPerSecond)) },
  { title: "the table", value: (mask) => gained(mask, "table") },
  { title: "and a masker", value: (mask) => gained(mask, "masker") },
  { title: "the writer's ring", value: (mask) => gained(mask, "writersRing") },
  { title: "the full ring", value: (mask) => gained(mask, "fullRing") },
];

function gained({ gains, shown }: MaskExposure, attacker: Attacker): string {
  const { gain, seconds } = gains[attacker];
  switch (gain) {
    case "nothing":
      return "nothing";
    case "part":
      return "the part it keeps";
    case "equality":
      return ["equality", ...shown].join(", ");
    case "enumeration":
      return seconds === null ? "what a dictionary has" : `all in ${timeTaken(seconds)}`;
    case "opens":
      return "all: it opens them";
  }
}
