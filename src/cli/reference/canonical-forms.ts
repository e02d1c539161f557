import { canonicalForms, canonicalVersion } from "../../contract/canonical.ts";
import { columnTypes } from "../../contract/column.ts";
import { code, made, table } from "./markdown.ts";

const longestExample = 60;

export function canonicalFormsPage(): string {
  return `${made}
# Canonical forms

Version ${canonicalVersion}. Before a value is masked it is brought into the one form of its type, so that the spellings of one value have one token.
A mask that can be undone gives this form back, not the spelling that was sent. \`sha256\` alone takes the text as it was sent, once it is one of
its type. What is refused is quarantined with the reason; nothing is guessed.

The version is part of every mask's definition that the database keeps: a release that changes a form refuses to start on tokens of the
old one. Text outside ASCII is composed, and domains are mapped, by the Unicode tables of the runtime.
${columnTypes.map(section).join("")}`;
}

function section(type: (typeof columnTypes)[number]): string {
  const { form, longest, read, refused } = canonicalForms[type];
  const limit = longest === null ? "" : ` At most ${longest} bytes.`;
  return `
## ${type}

${form}${limit}

${table(
  ["sent", "becomes"],
  read.map(([sent, canonical]) => [shown(sent), code(canonical)]),
)}

${table(
  ["refused", "reason", "why"],
  refused.map(([sent, reason, why]) => [shown(sent), code(reason), why]),
)}
`;
}

/** As the event carries it, in JSON: what cannot be told by its looks is escaped, what is long is cut. */
function shown(sent: unknown): string {
  const json = JSON.stringify(sent).replaceAll(/[\p{M}\p{C}]/gu, (character) => character.split("").map(escaped).join(""));
  return code(json.length > longestExample ? `${json.slice(0, longestExample - 20)}…` : json);
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
