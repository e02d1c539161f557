import { count } from "./table.ts";

const units: readonly (readonly [seconds: number, name: string])[] = [
  [86_400 * 365.25, "years"],
  [86_400, "days"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** 0.3 s, 36.7 min, 4.2 days, 58,494 years, 10^21 years. */
export function timeTaken(seconds: number): string {
  const [size, name] = units.find(([least]) => seconds >= least) ?? ([1, "s"] as const);
  const amount = seconds / size;
  if (amount >= 1e9) return `10^${Math.floor(Math.log10(amount))} ${name}`;
  if (amount > 0 && amount < 0.1) return "less than 0.1 s";
  return `${count(amount >= 100 ? Math.round(amount) : amount)} ${name}`;
}

/** 4.2 %, of a share between 0 and 1. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "less than 0.1 %";
  // what is not all must not read as all
  return `${count(share < 1 ? Math.min(99.9, Math.round(share * 1_000) / 10) : 100)} %`;
}
