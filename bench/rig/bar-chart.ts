import type { Spread } from "./statistics.ts";
import { number } from "./table.ts";

export interface Bar extends Spread {
  readonly label: string;
  /** Ours: drawn so that it is found at once. */
  readonly isOwn: boolean;
}

export interface BarChart {
  readonly title: string;
  /** What a bar's length is. */
  readonly unit: string;
  readonly digits: number;
  readonly bars: readonly Bar[];
}

const width = 840;
const labelWidth = 390;
const valueWidth = 110;
const barHeight = 18;
const pitch = 30;
const top = 58;

/**
 * Horizontal bars from zero with a whisker from the least round to the most, as a picture that stands by itself. Follows the reader's colour
 * scheme; nothing is told by colour alone.
 */
export function barChart({ title, unit, digits, bars }: BarChart): string {
  const longest = Math.max(...bars.map(({ most }) => most), Number.MIN_VALUE);
  const scale = (value: number): number => (value / longest) * (width - labelWidth - valueWidth);
  const height = top + bars.length * pitch + 8;
  const lines = bars.map(({ label, median, least, most, isOwn }, place) => {
    const y = top + place * pitch;
    const middle = y + barHeight / 2;
    return [
      `<text class="label${isOwn ? " own" : ""}" x="${labelWidth - 10}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="${isOwn ? "ownBar" : "bar"}" x="${labelWidth}" y="${y}" width="${fixed(scale(median))}" height="${barHeight}" rx="2"/>`,
      `<path class="whisker" d="M${fixed(labelWidth + scale(least))} ${middle}H${fixed(labelWidth + scale(most))}"/>`,
      `<text class="value" x="${fixed(labelWidth + scale(most) + 8)}" y="${middle + 4}">${number(median, digits)}</text>`,
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
<title id="title">${escaped(`${title}, ${unit}: ${bars.map(({ label, median }) => `${label} ${number(median, digits)}`).join("; ")}`)}</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.head { font-weight: 600; font-size: 15px }
.unit { fill: #59636e }
.own { font-weight: 600 }
.bar { fill: #9aa4af }
.ownBar { fill: #0969da }
.whisker { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.unit { fill: #9198a1 }
.bar { fill: #656c76 }
.ownBar { fill: #4493f8 }
.whisker { stroke: #f0f6fc }
}
</style>
<text class="head" x="0" y="18">${escaped(title)}</text>
<text class="unit" x="0" y="38">${escaped(unit)}; median, and from the least round to the most</text>
${lines.join("\n")}
</svg>
`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
